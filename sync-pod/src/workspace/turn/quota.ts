import type { Op, Strategy } from '../../strategy/strategy.ts';

/** How large a workspace may become. */
export interface WorkspaceQuota {
  readonly maxKeys: number;
  /** Of the names and values of all live keys. */
  readonly maxBytes: number;
}

const MAX_UTF8_PER_UNIT = 3;

/** Holds what is submitted in one turn against the quota of the workspace. */
export class QuotaCheck {
  readonly #strategy: Strategy;
  readonly #quota: WorkspaceQuota;
  /** What was admitted in this turn. */
  readonly #admitted: (readonly Op[])[] = [];
  /** At most this much has been added: an estimate that costs nothing, until it matters. */
  #keys = 0;
  #bytes = 0;
  /** From when on it matters: what the turn leaves in each key that it writes, and how much that adds exactly. */
  #staged: Map<string, string | undefined> | undefined;

  constructor(strategy: Strategy, quota: WorkspaceQuota) {
    this.#strategy = strategy;
    this.#quota = quota;
  }

  /** Whether the workspace has room for these ops. What makes it no larger always passes. */
  admits(ops: readonly Op[]): boolean {
    if (this.#staged === undefined) {
      let [keys, bytes] = [this.#keys + ops.length, this.#bytes];
      for (const { key, json } of ops) bytes += MAX_UTF8_PER_UNIT * (key.length + (json?.length ?? 0));
      if (this.#fits(keys, bytes)) {
        [this.#keys, this.#bytes] = [keys, bytes];
        this.#admitted.push(ops);
        return true;
      }
      this.#countExactly();
    }
    const [keys, bytes] = this.#growth(ops);
    if ((keys > 0 || bytes > 0) && !this.#fits(this.#keys + keys, this.#bytes + bytes)) return false;
    this.#stage(ops, keys, bytes);
    return true;
  }

  #countExactly(): void {
    this.#staged = new Map();
    [this.#keys, this.#bytes] = [0, 0];
    for (const ops of this.#admitted) this.#stage(ops, ...this.#growth(ops));
  }

  #stage(ops: readonly Op[], keys: number, bytes: number): void {
    for (const { key, json } of ops) this.#staged?.set(key, json);
    this.#keys += keys;
    this.#bytes += bytes;
  }

  #fits(keys: number, bytes: number): boolean {
    const { size } = this.#strategy;
    const { maxKeys, maxBytes } = this.#quota;
    // Deletions are remembered for a while: as many of them as there may be keys.
    const isRemembered = size.keys + size.deleted + keys <= 2 * maxKeys;
    return isRemembered && size.keys + keys <= maxKeys && size.bytes + bytes <= maxBytes;
  }

  #growth(ops: readonly Op[]): [keys: number, bytes: number] {
    let [keys, bytes] = [0, 0];
    for (const [key, json] of new Map(ops.map((op) => [op.key, op.json]))) {
      const held = this.#staged?.has(key) ? this.#staged.get(key) : this.#strategy.get(key)?.json;
      if (held === undefined && json === undefined) continue;
      const sign = held === undefined ? 1 : json === undefined ? -1 : 0;
      keys += sign;
      bytes += sign * Buffer.byteLength(key) + Buffer.byteLength(json ?? '') - Buffer.byteLength(held ?? '');
    }
    return [keys, bytes];
  }
}
