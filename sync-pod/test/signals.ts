import { readdir, readFile } from 'node:fs/promises';

/** Whether a process that got SIGSTOP stands still. The signal reaches one thread after the other; until then they answer. */
export async function isPaused(pid: number | undefined): Promise<boolean> {
  if (process.platform !== 'linux') return true; // only Linux tells
  const threads = `/proc/${pid}/task`;
  const states = (await readdir(threads)).map(async (thread) => {
    const stat = await readFile(`${threads}/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  });
  return (await Promise.all(states)).every((state) => state === 'T');
}
