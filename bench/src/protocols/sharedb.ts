import { z } from 'zod';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';
import { randomText } from './random-text.ts';

const COLLECTION = 'bench';
/** Keys of a client, which it sets in turn: writes that go out as one op set each of theirs. */
const KEYS = 32;

const failed = z.object({ error: z.object({}) });
const component = z.object({ p: z.tuple([z.string()]), oi: z.union([z.number(), z.string()]) });
const message = z.discriminatedUnion('a', [
  z.object({ a: z.literal('init') }),
  z.object({ a: z.literal('hs') }),
  z.object({
    a: z.literal('s'),
    data: z.object({ v: z.number() }).optional(),
  }),
  z.object({
    a: z.literal('op'),
    v: z.number(),
    src: z.string(),
    seq: z.number(),
    op: z.array(component).optional(),
  }),
]);
type Message = z.infer<typeof message>;
type OpMessage = Extract<Message, { a: 'op' }>;

/**
 * ShareDB's, with its default type, json0. A client has one op on its way, as ShareDB's own has; what it writes meanwhile
 * goes out as one op when that is acked.
 */
export const sharedb: Protocol = {
  client: (identity, events) => new ShareDbClient(identity, events),
  credit: 'ack',
  window: 1,
  beyondWindow: 'is written',
};

class ShareDbClient implements ProtocolClient {
  readonly #events: ClientEvents;
  readonly #document: string;
  readonly #n: number;
  readonly #source: string;
  #version = 0;
  /** Ops that have come before the one of this version, by theirs. */
  readonly #early = new Map<number, OpMessage>();
  #seq = 0;
  /** Which of its keys is next. */
  #key = 0;
  /** Writes of the op that is on its way; undefined: none is. */
  #inFlight: number | undefined;
  /** When those that wait were due. */
  #waiting: number[] = [];
  #isReady = false;

  constructor({ workspace, n }: ClientIdentity, events: ClientEvents) {
    this.#document = `bench-${workspace}`;
    this.#n = n;
    this.#source = `client-${workspace}-${n}`;
    this.#events = events;
  }

  path() {
    return '/';
  }

  hello() {
    return [
      JSON.stringify({ a: 'hs', id: this.#source, protocol: 1, protocolMinor: 2 }),
      JSON.stringify({ a: 's', c: COLLECTION, d: this.#document }),
    ];
  }

  write(dueAt: number): string | undefined {
    this.#waiting.push(dueAt);
    return this.#inFlight === undefined ? this.#next() : undefined;
  }

  fill(keys: number, valueBytes: number): string[] {
    this.#inFlight = 0;
    this.#seq += 1;
    const op = Array.from({ length: keys }, (_, key) => ({ p: [`filled-${key}`], oi: randomText(valueBytes) }));
    return [JSON.stringify({ ...this.#head(), op })];
  }

  receive(frame: Buffer): void {
    const answer: unknown = JSON.parse(frame.toString());
    if (failed.safeParse(answer).success) throw new Error(`the server answered ${frame}`);
    const received = message.parse(answer);
    if (received.a === 's') this.#subscribed(received.data);
    else if (received.a === 'op') this.#op(received);
  }

  #subscribed(snapshot: Extract<Message, { a: 's' }>['data']): void {
    this.#version = snapshot?.v ?? 0;
    if (this.#n > 0 || this.#version > 0) {
      this.#becomeReady();
      return;
    }
    // The first client of a workspace makes its document.
    this.#seq += 1;
    const create = { type: 'http://sharejs.org/types/JSONv0', data: {} };
    this.#events.send(JSON.stringify({ ...this.#head(), create }));
  }

  /** Takes ops in the order of their versions, as ShareDB's own client does: they may come in another one. */
  #op(received: OpMessage): void {
    if (received.v < this.#version) return; // it came with the snapshot
    this.#early.set(received.v, received);
    for (;;) {
      const next = this.#early.get(this.#version);
      if (next === undefined) return;
      this.#early.delete(this.#version);
      this.#version += 1;
      this.#take(next);
    }
  }

  #take({ src, seq, op }: OpMessage): void {
    if (src !== this.#source) {
      for (const { p, oi } of op ?? []) {
        if (typeof oi === 'number') this.#events.delivered(Number(p[0].split('-')[1]), oi);
      }
    } else if (seq === this.#seq && !this.#isReady) {
      this.#becomeReady();
    } else {
      const acked = this.#inFlight ?? 0;
      this.#inFlight = undefined;
      this.#events.acked(acked);
      const next = this.#waiting.length > 0 ? this.#next() : undefined;
      if (next !== undefined) this.#events.send(next);
    }
  }

  #next(): string {
    const writes = this.#waiting.splice(0, KEYS);
    this.#inFlight = writes.length;
    this.#seq += 1;
    const op = writes.map((dueAt) => ({ p: [`key-${this.#n}-${this.#key++ % KEYS}`], oi: dueAt }));
    return JSON.stringify({ ...this.#head(), op });
  }

  #head() {
    return { a: 'op', c: COLLECTION, d: this.#document, v: this.#version, seq: this.#seq, x: {} };
  }

  #becomeReady(): void {
    this.#isReady = true;
    this.#events.ready();
  }
}
