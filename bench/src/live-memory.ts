import type { ServerProcess } from './server-process.ts';

/** Node.js options with which a server collects garbage when `leastOf` asks it to: all the time would hold up what is measured. */
export const COLLECT_GARBAGE = [
  '--expose-gc',
  '--import',
  `data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => globalThis.gc())")}`,
];

/** The metric of the bytes in use in the heap. */
export const HEAP = 'nodejs_heap_size_used_bytes';

const LOOKS = 10;
const LOOK_MS = 100;

/**
 * The least that metrics in bytes have in several looks, because a look itself takes memory.
 * @param server one that was started with `COLLECT_GARBAGE`; it collects before each look
 */
export async function leastOf<N extends string>(server: ServerProcess, ...names: N[]): Promise<Record<N, number>> {
  const looks: Record<N, number>[] = [];
  while (looks.length < LOOKS) {
    process.kill(server.pid, 'SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    looks.push(await server.metrics(...names));
  }
  const [least, ...others] = looks;
  if (least === undefined) throw new Error('nobody has looked');
  for (const look of others) for (const name of names) least[name] = Math.min(least[name], look[name]);
  return least;
}
