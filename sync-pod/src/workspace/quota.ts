import type { Op, Strategy } from '../strategy/strategy.ts';

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
  #keys: number;
  #bytes: number;

  constructor(strategy: Strategy, quota: WorkspaceQuota) {
    this.#strategy = strategy;
    this.#quota = quota;
    this.#keys = strategy.size.keys;
    this.#bytes = strategy.size.bytes;
  }

  /** Whether the workspace has room for these ops. What makes it no larger always passes. */
  admits(ops: readonly Op[]): boolean {
    let [keys, bytes] = [ops.length, 0];
    for (const { key, json } of ops) bytes += MAX_UTF8_PER_UNIT * (key.length + (json?.length ?? 0));
    // Far from the bounds nothing has to be looked up.
    if (!this.#fits(keys, bytes)) [keys, bytes] = this.#growth(ops);
    if ((keys > 0 || bytes > 0) && !this.#fits(keys, bytes)) return false;
    this.#keys += keys;
    this.#bytes += bytes;
    return true;
  }

  #fits(keys: number, bytes: number): boolean {
    return this.#keys + keys <= this.#quota.maxKeys && this.#bytes + bytes <= this.#quota.maxBytes;
  }

  #growth(ops: readonly Op[]): [keys: number, bytes: number] {
    let [keys, bytes] = [0, 0];
    for (const [key, json] of new Map(ops.map((op) => [op.key, op.json]))) {
      const held = this.#strategy.get(key)?.json;
      if (held === undefined && json === undefined) continue;
      const sign = held === undefined ? 1 : json === undefined ? -1 : 0;
      keys += sign;
      bytes += sign * Buffer.byteLength(key) + Buffer.byteLength(json ?? '') - Buffer.byteLength(held ?? '');
    }
    return [keys, bytes];
  }
}
