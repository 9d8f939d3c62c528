import { homedir } from 'node:os';
import { join } from 'node:path';

/** Everything of the cluster that runs; removed when it ends. */
export const STATE = process.env.ETHERPLY_E2E_STATE || '/var/tmp/etherply-e2e';
/** What takes long to make: images. It stays. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'etherply', 'e2e');

/** The path of a file or folder of the cluster. */
export function inState(...parts: readonly string[]): string {
  return join(STATE, ...parts);
}
