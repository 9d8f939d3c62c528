import { crc32 } from 'node:zlib';

/**
 * Remembers the ids of ops for at least `memoryMs`, so that a resend takes effect once. Two generations, the older of which
 * is dropped whole: no timer and no entry by entry clean-up.
 */
export class OpMemory {
  readonly #memoryMs: number;
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #recentSince = 0;

  constructor(memoryMs: number) {
    this.#memoryMs = memoryMs;
  }

  remember(user: string, id: string, fingerprint: number, nowMs: number): void {
    if (nowMs - this.#recentSince > this.#memoryMs) {
      this.#older = nowMs - this.#recentSince > 2 * this.#memoryMs ? new Map() : this.#recent;
      this.#recent = new Map();
      this.#recentSince = nowMs;
    }
    this.#recent.set(nameOf(user, id), fingerprint);
  }

  /** The fingerprint of the op that this user sent under this id, where it is remembered. */
  recall(user: string, id: string): number | undefined {
    const name = nameOf(user, id);
    return this.#recent.get(name) ?? this.#older.get(name);
  }
}

function nameOf(user: string, id: string): string {
  return `${id}\0${user}`;
}

/** A 32-bit fingerprint of what a message writes, without its timestamps. */
export function fingerprintOf(writes: readonly { key: string; json: string | undefined }[]): number {
  let sum = 0;
  for (const { key, json } of writes) sum = crc32(json === undefined ? `${key}\0` : `${key}\0=${json}`, sum);
  return sum;
}
