import type { ServerProcess } from './server-process.ts';

/** Node.js options that collect garbage all the time, so that what is left in the heap is in use. */
export const COLLECT_GARBAGE = [
  '--expose-gc',
  '--import',
  'data:text/javascript,setInterval(globalThis.gc, 200).unref()',
];

/** The metric of the bytes in use in the heap. */
export const HEAP = 'nodejs_heap_size_used_bytes';

const LOOKS = 20;
const LOOK_MS = 50;

/** The least that metrics in bytes have in several looks, because a look itself takes memory. */
export async function leastOf<N extends string>(server: ServerProcess, ...names: N[]): Promise<Record<N, number>> {
  const least = await server.metrics(...names);
  for (let look = 1; look < LOOKS; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const now = await server.metrics(...names);
    for (const name of names) least[name] = Math.min(least[name], now[name]);
  }
  return least;
}
