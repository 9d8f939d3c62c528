import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const manifest = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

const PEERS = new URL('../../peers/', import.meta.url);

/** The version of one of our own packages: its folder in this repository. */
export function ownVersion(folder: string): string {
  return manifestOf(new URL(`../../../${folder}/`, import.meta.url)).version;
}

/** The version that the bench, or its folder of peers, pins. */
export function pinnedVersion(name: string): string {
  for (const folder of [PEERS, new URL('../../', import.meta.url)]) {
    const { dependencies, devDependencies } = manifestOf(folder);
    const version = dependencies[name] ?? devDependencies[name];
    if (version !== undefined) return version.replace(/^npm:.*@/, '');
  }
  throw new Error(`nobody pins ${name}`);
}

/** A file of the folder of peers. */
export function peerFile(path: string): string {
  return fileURLToPath(new URL(path, PEERS));
}

/** Why peers cannot be started; undefined: they can. */
export async function missingPeers(): Promise<string | undefined> {
  if (existsSync(peerFile('node_modules/.package-lock.json'))) return undefined;
  return 'it is not installed: `npm ci --prefix bench/peers`, which make bench does';
}

function manifestOf(folder: URL): z.infer<typeof manifest> {
  return manifest.parse(JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')));
}
