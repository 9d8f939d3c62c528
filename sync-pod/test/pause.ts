import type { ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Stops a process where it is, until it gets SIGCONT: its connections stay open and silent. Resolves when it stands still. */
export async function pause(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  while (!(await isPaused(child.pid))) await sleep(5);
}

/** The signal reaches one thread after the other; until then they answer. */
async function isPaused(pid: number | undefined): Promise<boolean> {
  if (process.platform !== 'linux') return true; // only Linux tells
  const threads = `/proc/${pid}/task`;
  const states = (await readdir(threads)).map(async (thread) => {
    const stat = await readFile(`${threads}/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  });
  return (await Promise.all(states)).every((state) => state === 'T');
}
