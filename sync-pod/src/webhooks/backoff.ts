export interface Backoff {
  /** The bound of the delay after the first attempt; it doubles with each. */
  readonly firstRetryMs: number;
  /** The bound of every delay, also of what a receiver asks for. */
  readonly lastRetryMs: number;
}

/**
 * How long to wait after an attempt that failed: exponential backoff with full jitter, so that what failed together does not
 * come back together, and not less than the receiver asked for.
 * @param attempts how many there were, at least 1
 * @param random in [0, 1)
 */
export function retryDelayMs(
  { firstRetryMs, lastRetryMs }: Backoff,
  attempts: number,
  retryAfterMs: number,
  random: number,
): number {
  // Beyond this exponent a bound is the last one anyway, and at some point Infinity, which times 0 is no number.
  const doublings = Math.min(attempts - 1, 52);
  const backoffMs = random * Math.min(lastRetryMs, firstRetryMs * 2 ** doublings);
  return Math.max(backoffMs, Math.min(lastRetryMs, retryAfterMs));
}
