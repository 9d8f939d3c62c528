import { numberAt } from './digits.ts';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';

const ACK = Buffer.from('{"type":"ack"');
const COUNT = Buffer.from('"count":');
const KEY = Buffer.from('"key":"key-');
const VALUE = Buffer.from('"value":');
const ERROR = Buffer.from('{"type":"error"');

/** EtherPly's JSON frames, which the floor understands as far as it must. Writes of one turn come as one frame, as its own client has them. */
export const etherply: Protocol = {
  path: ({ workspace }, query) => `/v1/sync/bench-${workspace}?presence=0&batch=1&${query}`,
  client: (identity, events) => new EtherPlyClient(identity, events),
  credit: 'ack',
  window: Number.POSITIVE_INFINITY,
};

class EtherPlyClient implements ProtocolClient {
  readonly #key: string;
  readonly #events: ClientEvents;
  #isReady = false;

  constructor({ n }: ClientIdentity, events: ClientEvents) {
    this.#key = `key-${n}`;
    this.#events = events;
  }

  hello() {
    return [];
  }

  write(dueAt: number): string {
    return `{"type":"op","payload":{"key":"${this.#key}","value":${dueAt}}}`;
  }

  receive(frame: Buffer): void {
    if (!this.#isReady) {
      // The first frame has the whole state.
      this.#isReady = true;
      this.#events.ready();
    } else if (startsWith(frame, ACK)) {
      this.#events.acked(numberAt(frame, frame.indexOf(COUNT) + COUNT.length));
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

function startsWith(frame: Buffer, text: Buffer): boolean {
  return frame.subarray(0, text.length).equals(text);
}
