import { numberAt } from './digits.ts';
import { eachPresence } from './presence-times.ts';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';
import { randomText } from './random-text.ts';

const ACK = Buffer.from('{"type":"ack"');
const COUNT = Buffer.from('"count":');
const KEY = Buffer.from('"key":"key-');
const VALUE = Buffer.from('"value":');
const HEADS = Buffer.from('"heads":[');
const PRESENCE = Buffer.from('{"type":"presence"');
const ERROR = Buffer.from('{"type":"error"');

const KEYS_PER_FRAME = 100;

/** EtherPly's JSON frames, which the floor understands as far as it must. */
export const etherply: Protocol = {
  client: (identity, events) => new EtherPlyClient(identity, events),
  credit: 'ack',
  window: Number.POSITIVE_INFINITY,
  beyondWindow: 'is written',
};

class EtherPlyClient implements ProtocolClient {
  readonly #identity: ClientIdentity;
  readonly #key: string;
  readonly #events: ClientEvents;
  /** What it has, as the server names it; empty: nothing. */
  #heads = '';
  #isReady = false;

  constructor(identity: ClientIdentity, events: ClientEvents) {
    this.#identity = identity;
    this.#key = `key-${identity.n}`;
    this.#events = events;
  }

  path(query: string) {
    const heads = this.#heads === '' ? '' : `&heads=${this.#heads}`;
    return `/v1/sync/bench-${this.#identity.workspace}?${query}${heads}`;
  }

  hello() {
    return [];
  }

  write(dueAt: number): string {
    return `{"type":"op","payload":{"key":"${this.#key}","value":${dueAt}}}`;
  }

  present(dueAt: number): string {
    return `{"type":"presence","payload":{"at":${dueAt}}}`;
  }

  fill(keys: number, valueBytes: number): string[] {
    const frames: string[] = [];
    for (let first = 0; first < keys; first += KEYS_PER_FRAME) {
      const some = Math.min(KEYS_PER_FRAME, keys - first);
      const payload = Array.from({ length: some }, (_, i) => ({
        key: `filled-${first + i}`,
        value: randomText(valueBytes),
      }));
      frames.push(JSON.stringify({ type: 'ops', payload }));
    }
    return frames;
  }

  resume(): ProtocolClient {
    const client = new EtherPlyClient(this.#identity, this.#events);
    client.#heads = this.#heads;
    return client;
  }

  receive(frame: Buffer): void {
    if (!this.#isReady) {
      // The first frame has the whole state.
      this.#isReady = true;
      this.#heads = headsOf(frame);
      this.#events.ready();
    } else if (startsWith(frame, ACK)) {
      this.#events.acked(numberAt(frame, frame.indexOf(COUNT) + COUNT.length));
    } else if (startsWith(frame, PRESENCE)) {
      eachPresence(frame, (dueAt) => this.#events.seen(dueAt));
    } else if (startsWith(frame, ERROR)) {
      throw new Error(`the server answered ${frame}`);
    } else {
      for (let i = frame.indexOf(KEY); i !== -1; i = frame.indexOf(KEY, i + 1)) {
        const value = frame.indexOf(VALUE, i);
        this.#events.delivered(numberAt(frame, i + KEY.length), numberAt(frame, value + VALUE.length));
      }
    }
  }
}

/** Of a first frame; they come after the data. */
function headsOf(frame: Buffer): string {
  const start = frame.lastIndexOf(HEADS);
  if (start === -1) return ''; // the floor has none
  const list = frame.subarray(start + HEADS.length, frame.indexOf(']', start));
  return list.toString().replaceAll('"', '');
}

function startsWith(frame: Buffer, text: Buffer): boolean {
  return frame.subarray(0, text.length).equals(text);
}
