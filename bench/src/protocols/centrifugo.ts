import { z } from 'zod';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';

const CONNECT = 1;
const SUBSCRIBE = 2;

const reply = z.object({
  id: z.number().optional(),
  error: z.object({ code: z.number(), message: z.string() }).optional(),
  push: z.object({ pub: z.object({ data: z.object({ key: z.string(), value: z.number() }) }).optional() }).optional(),
});

/** Centrifugo's JSON protocol: a workspace is a channel with history, a write is a publication. It sends a client its own, too. */
export const centrifugo: Protocol = {
  client: (identity, events) => new CentrifugoClient(identity, events),
  credit: 'ack',
  window: Number.POSITIVE_INFINITY,
  beyondWindow: 'is written',
};

class CentrifugoClient implements ProtocolClient {
  readonly #channel: string;
  readonly #key: string;
  readonly #events: ClientEvents;
  #lastId = SUBSCRIBE;

  constructor({ workspace, n }: ClientIdentity, events: ClientEvents) {
    this.#channel = `bench-${workspace}`;
    this.#key = `key-${n}`;
    this.#events = events;
  }

  path() {
    return '/connection/websocket';
  }

  hello() {
    return [`{"id":${CONNECT},"connect":{}}\n{"id":${SUBSCRIBE},"subscribe":{"channel":"${this.#channel}"}}`];
  }

  write(dueAt: number): string {
    this.#lastId += 1;
    const data = `{"key":"${this.#key}","value":${dueAt}}`;
    return `{"id":${this.#lastId},"publish":{"channel":"${this.#channel}","data":${data}}}`;
  }

  receive(frame: Buffer): void {
    // A frame has several replies, a line each.
    for (const line of frame.toString().split('\n')) if (line !== '') this.#reply(line);
  }

  #reply(line: string): void {
    if (line === '{}') {
      this.#events.send('{}'); // a ping, and the pong
      return;
    }
    const { id, error, push } = reply.parse(JSON.parse(line));
    if (error !== undefined) throw new Error(`the server answered ${line}`);
    if (id === SUBSCRIBE) this.#events.ready();
    else if (id !== undefined && id > SUBSCRIBE) this.#events.acked(1);
    const data = push?.pub?.data;
    if (data !== undefined && data.key !== this.#key) this.#events.delivered(Number(data.key.slice(4)), data.value);
  }
}
