import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Resolves with what a condition gives as soon as it gives anything but undefined or false.
 * A condition that does not come about is told by the error: the last one that the condition threw, if any.
 */
export async function until<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  { what = 'the condition', timeoutMs = 30_000 }: { readonly what?: string; readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() < deadline);
  throw new Error(`${what} did not come about in ${timeoutMs} ms`, { cause });
}
