/** When a write happened: wall time first, then a count of the writes to its key at that time, then who wrote. */
export interface Stamp {
  /** Unix microseconds. */
  readonly timestamp: number;
  readonly logical: number;
  readonly actor: string;
}

/** Positive where `a` happened after `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.timestamp - b.timestamp || a.logical - b.logical || (a.actor < b.actor ? -1 : a.actor > b.actor ? 1 : 0);
}
