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
