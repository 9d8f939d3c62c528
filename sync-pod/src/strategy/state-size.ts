/** Keeps count of live keys, of the bytes of their names and values, and of the deletions that are remembered. */
export class StateSize {
  keys = 0;
  bytes = 0;
  deleted = 0;

  /**
   * The value's text under a key was `before` and is `after`; undefined where it holds nothing.
   * @param wasKnown the key held something before, or its deletion was remembered
   */
  changed(key: string, before: string | undefined, after: string | undefined, wasKnown: boolean): void {
    if (wasKnown && before === undefined) this.deleted -= 1;
    if (after === undefined) this.deleted += 1;
    if (before === undefined && after === undefined) return;
    if (before === undefined || after === undefined) {
      const sign = before === undefined ? 1 : -1;
      this.keys += sign;
      this.bytes += sign * Buffer.byteLength(key);
    }
    this.bytes += lengthOf(after) - lengthOf(before);
  }

  /** A deletion is not remembered any more. */
  forgot(): void {
    this.deleted -= 1;
  }
}

function lengthOf(json: string | undefined): number {
  return json === undefined ? 0 : Buffer.byteLength(json);
}
