import type { ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';

/** Ends a process, where it has not ended, and resolves with its exit code; null where a signal ended it. */
export async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  child.kill(signal);
  return ended;
}

/** Stops a process where it is, until SIGCONT: its connections stay open and silent. */
export async function pause(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  while (!(await isPaused(child.pid))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('what has ended cannot be paused');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether a process that got SIGSTOP stands still. The signal reaches one thread after the other; until then they answer. */
async function isPaused(pid: number | undefined): Promise<boolean> {
  if (process.platform !== 'linux') return true; // only Linux tells
  const threads = `/proc/${pid}/task`;
  const states = (await readdir(threads)).map(async (thread) => {
    const stat = await readFile(`${threads}/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  });
  return (await Promise.all(states)).every((state) => state === 'T');
}
