import { decodeSyncMessage, encodeSyncMessage, type SyncState } from '@automerge/automerge';

/** What is smaller is packed anew. */
const LARGE_BYTES = 64 * 1024;
/** So is what has grown by this part of it since. */
const MOST_GROWTH = 1 / 8;

/**
 * All that there is, in a message for a peer that has nothing. Packing it takes some 40 ms a megabyte: what comes in afterwards is
 * put behind it.
 */
export class WholeMessage {
  readonly #state: SyncState;
  #message: Uint8Array;
  #since: Uint8Array[] = [];
  #mostBytes: number;

  /** @param state what is known of the peer once it was sent the message */
  constructor(state: SyncState, message: Uint8Array) {
    this.#state = state;
    this.#message = message;
    this.#mostBytes = message.length < LARGE_BYTES ? 0 : message.length * MOST_GROWTH;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#since.reduce((sum, { length }) => sum + length, this.#message.length);
  }

  /** It lacks something of what is there. */
  get isBehind(): boolean {
    return this.#since.length > 0;
  }

  /** It is better packed anew. */
  get isOld(): boolean {
    return this.#mostBytes < 0;
  }

  /** More is there. */
  add(changes: readonly Uint8Array[]): void {
    this.#since.push(...changes);
    for (const { length } of changes) this.#mostBytes -= length;
  }

  /** @param heads of all that is there */
  told(heads: readonly string[]): [SyncState, Uint8Array] {
    if (this.isBehind) {
      const now = [...heads];
      const { need, changes } = decodeSyncMessage(this.#message);
      // By what is said to be here the peer sends what it makes itself from now on.
      const have = [{ lastSync: now, bloom: new Uint8Array() }];
      const message = encodeSyncMessage({ heads: now, need, have, changes: [...changes, ...this.#since] });
      message.set(this.#message.subarray(0, 1)); // which version it is: only one has documents in it
      this.#message = message;
      this.#since = [];
    }
    return [{ ...this.#state, lastSentHeads: [...heads] }, this.#message];
  }
}
