import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { eachPresence } from './presence-times.ts';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';
import { AWARENESS, SYNC, YjsClient } from './yjs-client.ts';

const AUTH = 2;
const SYNC_STATUS = 8;
const SYNC_REPLY = 4;
const TOKEN = 0;

/** Hocuspocus': each message begins with the name of its document, and each update is acked when the server has applied it. */
export const hocuspocus: Protocol = {
  client: (identity, events) => new HocuspocusClient(identity, events),
  credit: 'ack',
  window: Number.POSITIVE_INFINITY,
  beyondWindow: 'is written',
};

class HocuspocusClient implements ProtocolClient {
  readonly #yjs: YjsClient;
  readonly #events: ClientEvents;
  readonly #document: string;
  /** Answers to the server's step 1, which are acked as updates are. */
  #answers = 0;

  constructor(identity: ClientIdentity, events: ClientEvents) {
    this.#document = `bench-${identity.workspace}`;
    this.#events = events;
    this.#yjs = new YjsClient(identity, events, 'is ignored');
  }

  path() {
    return '/';
  }

  hello() {
    const auth = this.#message(AUTH);
    encoding.writeVarUint(auth, TOKEN);
    encoding.writeVarString(auth, 'bench');
    const step1 = this.#message(SYNC);
    this.#yjs.writeStep1(step1);
    return [encoding.toUint8Array(auth), encoding.toUint8Array(step1)];
  }

  write(dueAt: number): Uint8Array {
    const encoder = this.#message(SYNC);
    this.#yjs.writeSet(encoder, dueAt);
    return encoding.toUint8Array(encoder);
  }

  present(dueAt: number): Uint8Array {
    const encoder = this.#message(AWARENESS);
    this.#yjs.writePresence(encoder, dueAt);
    return encoding.toUint8Array(encoder);
  }

  fill(keys: number, valueBytes: number): Uint8Array[] {
    return Array.from({ length: keys }, (_, key) => {
      const encoder = this.#message(SYNC);
      this.#yjs.writeFilled(encoder, key, valueBytes);
      return encoding.toUint8Array(encoder);
    });
  }

  receive(frame: Buffer): void {
    const decoder = decoding.createDecoder(frame);
    decoding.readVarString(decoder);
    const type = decoding.readVarUint(decoder);
    if (type === SYNC || type === SYNC_REPLY) this.#yjs.receiveSync(decoder, () => this.#answer());
    else if (type === AWARENESS) eachPresence(frame, (dueAt) => this.#events.seen(dueAt));
    else if (type === SYNC_STATUS) this.#status(decoding.readVarUint(decoder) === 1);
  }

  #answer(): encoding.Encoder {
    this.#answers += 1;
    return this.#message(SYNC_REPLY);
  }

  #status(isApplied: boolean): void {
    if (!isApplied) throw new Error('the server has refused an update');
    if (this.#answers > 0) this.#answers -= 1;
    else this.#events.acked(1);
  }

  #message(type: number): encoding.Encoder {
    const encoder = encoding.createEncoder();
    encoding.writeVarString(encoder, this.#document);
    encoding.writeVarUint(encoder, type);
    return encoder;
  }
}
