/** Keeps count of live keys and of the bytes of their names and values. */
export class StateSize {
  keys = 0;
  bytes = 0;

  /** The value's text under a key was `before` and is `after`; undefined where it holds nothing. */
  changed(key: string, before: string | undefined, after: string | undefined): void {
    if (before === undefined && after === undefined) return;
    if (before === undefined || after === undefined) {
      const sign = before === undefined ? 1 : -1;
      this.keys += sign;
      this.bytes += sign * Buffer.byteLength(key);
    }
    this.bytes += lengthOf(after) - lengthOf(before);
  }
}

function lengthOf(json: string | undefined): number {
  return json === undefined ? 0 : Buffer.byteLength(json);
}
