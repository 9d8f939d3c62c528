import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What a measurement started or made is gone when this process ends, also where a signal or an error ends it early.

const children = new Set<ChildProcess>();
const dirs = new Set<string>();

/** Kills a process when this one ends, where it still runs. */
export function endWithThis(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** A new directory that is removed when this process ends, where it is still there. */
export async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'etherply-bench-'));
  dirs.add(dir);
  return dir;
}

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  // What is being killed may still write.
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});
// Without a listener a signal ends a process before it can do anything.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
