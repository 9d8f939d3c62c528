/** The whole number that is written in decimal digits from `start` on. */
export function numberAt(frame: Buffer, start: number): number {
  let value = 0;
  for (let i = start; i < frame.length; i += 1) {
    const digit = (frame[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
