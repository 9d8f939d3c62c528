import type { ClientFrame, Json, OpEvent } from '@etherply/protocol';
import { EtherPlyError } from './error.ts';

/** One write of a transaction. */
export type Write = { readonly key: string; readonly value: Json } | { readonly key: string; readonly deleted: true };

/** Ops that take effect together, under an id that makes sending them again harmless. What an outbox keeps; plain JSON. */
export interface Message {
  readonly id: string;
  readonly ops: readonly OpEvent[];
}

/** A message on its way, as the text that is sent, each time the same. */
export interface Envelope {
  readonly message: Message;
  readonly frame: string;
}

const KEY_BYTES = 256;
/** No other client's clock takes this one's further into the future: the server would not follow. */
const MAX_AHEAD_MS = 60_000;
const utf8 = new TextEncoder();

export function enclose(message: Message): Envelope {
  const { id, ops } = message;
  const [first, ...others] = ops;
  const frame: ClientFrame =
    first !== undefined && others.length === 0
      ? { type: 'op', id, payload: first }
      : { type: 'ops', id, payload: [...ops] };
  return { message, frame: JSON.stringify(frame) };
}

/** Makes messages: gives them their ids and their time. */
export class MessageFactory {
  readonly #maxBytes: number;
  /** No other client has it, so that a number behind it makes an id. */
  readonly #prefix = randomHex();
  #count = 0;
  /** Unix microseconds. */
  #latest = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A write made from now on comes after these ops, also where the clock of this machine is behind. */
  saw(ops: readonly OpEvent[]): void {
    const bound = (Date.now() + MAX_AHEAD_MS) * 1000;
    for (const { timestamp } of ops) this.#latest = Math.max(this.#latest, Math.min(timestamp, bound));
  }

  /** @throws EtherPlyError `bad_request` or `too_large`, where the server would refuse it */
  make(writes: readonly Write[]): Envelope {
    if (writes.length === 0) throw new EtherPlyError('bad_request', 'a transaction needs a write');
    const timestamp = Math.max(Date.now() * 1000, this.#latest + 1);
    const ops = writes.map((write): OpEvent => {
      checkKey(write.key);
      if (!('value' in write)) return { key: write.key, deleted: true, timestamp };
      return { key: write.key, value: copyOf(write.key, write.value), timestamp };
    });
    this.#count += 1;
    const envelope = enclose({ id: `${this.#prefix}-${this.#count}`, ops });
    // A character is at most three bytes.
    if (envelope.frame.length * 3 > this.#maxBytes && utf8.encode(envelope.frame).length > this.#maxBytes) {
      throw new EtherPlyError('too_large', `a message may have at most ${this.#maxBytes} bytes`);
    }
    this.#latest = timestamp;
    return envelope;
  }
}

function checkKey(key: string): void {
  const bytes = utf8.encode(key).length;
  if (bytes === 0 || bytes > KEY_BYTES) {
    throw new EtherPlyError('bad_request', `a key is 1 to ${KEY_BYTES} bytes of UTF-8`, { key });
  }
}

/** The value as the server will have it, whatever becomes of the caller's object. */
function copyOf(key: string, value: Json): Json {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new EtherPlyError('bad_request', 'the value is missing', { key });
  return JSON.parse(text);
}

function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
