export interface BackoffOptions {
  /** Of the first wait. */
  readonly minMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

/**
 * How long to wait after a failure: twice as long after each further one, and anything from half of that to all of it, so
 * that those who failed together do not come back together.
 * @param failures one after another, 1 or more
 */
export function backoffMs(
  { minMs, maxMs }: BackoffOptions,
  failures: number,
  random: () => number = Math.random,
): number {
  const whole = Math.min(maxMs, minMs * 2 ** (failures - 1));
  return whole * (0.5 + random() / 2);
}
