/** Whole microseconds since an epoch in Unix milliseconds; processes of one machine agree on it. */
export function microsecondsSince(epoch: number): number {
  return Math.floor((performance.timeOrigin - epoch + performance.now()) * 1000);
}
