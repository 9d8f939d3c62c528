/** Something that was measured, and what it must keep to. */
export interface Bound {
  readonly name: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
}

/** A bound that holds up to and including its limit. */
export function atMost(limit: number, name: string, measured: number, unit: string): Bound {
  return { name, measured, limit, unit, met: measured <= limit };
}

/** A bound that holds from its limit on. */
export function atLeast(limit: number, name: string, measured: number, unit: string): Bound {
  return { name, measured, limit, unit, met: measured >= limit };
}

/** Prints bounds, a line each or as JSON; the exit code is to be 1 where one is missed. */
export function reportBounds(bounds: readonly Bound[], asJson: boolean): void {
  if (asJson) process.stdout.write(`${JSON.stringify({ bounds }, null, 2)}\n`);
  else for (const bound of bounds) process.stdout.write(lineOf(bound));
  process.exitCode = bounds.every(({ met }) => met) ? 0 : 1;
}

function lineOf({ name, measured, limit, unit, met }: Bound): string {
  const verdict = met ? 'met   ' : 'MISSED';
  return `${verdict}  ${name.padEnd(26)} ${measured.toFixed(2).padStart(6)} ${unit} (bound ${limit.toFixed(2)})\n`;
}
