import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { ClientEvents, ClientIdentity } from './protocol.ts';
import { randomText } from './random-text.ts';
import { eachSet, encodeFirstSet, encodeSet } from './yjs-update.ts';

export const SYNC = 0;
export const AWARENESS = 1;
const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;
/** Ids of Yjs' clients are random; these are as long as most. */
const FIRST_CLIENT = 1_000_000_000;
const FILLING_CLIENT = 2_000_000_000;

/** What clients of all servers of Yjs have in common: the sync protocol of y-protocols, without the head of a message. */
export class YjsClient {
  readonly #client: number;
  readonly #key: string;
  readonly #events: ClientEvents;
  /** Whether the server sends a client its own writes. */
  readonly #echo: 'acks' | 'is ignored';
  #clock = 0;
  #presences = 0;
  #isReady = false;

  constructor({ n }: ClientIdentity, events: ClientEvents, echo: 'acks' | 'is ignored') {
    this.#client = FIRST_CLIENT + n;
    this.#key = `key-${n}`;
    this.#events = events;
    this.#echo = echo;
  }

  /** Asks for the state. */
  writeStep1(encoder: encoding.Encoder): void {
    encoding.writeVarUint(encoder, STEP_1);
    encoding.writeVarUint8Array(encoder, new Uint8Array([0])); // it has nothing
  }

  #set(value: number): Uint8Array {
    const id = { client: this.#client, clock: this.#clock };
    return this.#clock === 0 ? encodeFirstSet(id, this.#key, value) : encodeSet(id, value);
  }

  writeSet(encoder: encoding.Encoder, dueAt: number): void {
    encoding.writeVarUint(encoder, UPDATE);
    encoding.writeVarUint8Array(encoder, this.#set(dueAt));
    this.#clock += 1;
  }

  writePresence(encoder: encoding.Encoder, dueAt: number): void {
    this.#presences += 1;
    const update = encoding.createEncoder();
    encoding.writeVarUint(update, 1); // clients
    encoding.writeVarUint(update, this.#client);
    encoding.writeVarUint(update, this.#presences);
    encoding.writeVarString(update, `{"at":${dueAt}}`);
    encoding.writeVarUint8Array(encoder, encoding.toUint8Array(update));
  }

  /** One of the writes that fill a document. */
  writeFilled(encoder: encoding.Encoder, key: number, valueBytes: number): void {
    encoding.writeVarUint(encoder, UPDATE);
    const update = encodeFirstSet({ client: FILLING_CLIENT, clock: key }, `filled-${key}`, randomText(valueBytes));
    encoding.writeVarUint8Array(encoder, update);
  }

  /** @param answer writes the head of a message */
  receiveSync(decoder: decoding.Decoder, answer: () => encoding.Encoder): void {
    const type = decoding.readVarUint(decoder);
    if (type === STEP_1) {
      // It has nothing that the server does not have.
      const encoder = answer();
      encoding.writeVarUint(encoder, STEP_2);
      encoding.writeVarUint8Array(encoder, new Uint8Array([0, 0]));
      this.#events.send(encoding.toUint8Array(encoder));
      return;
    }
    if (type === STEP_2) {
      if (this.#isReady) return;
      this.#isReady = true;
      this.#events.ready();
      return;
    }
    decoding.readVarUint(decoder); // bytes of the update
    eachSet(decoder, (client, value) => {
      if (client !== this.#client) this.#events.delivered(client - FIRST_CLIENT, value);
      else if (this.#echo === 'acks') this.#events.acked(1);
    });
  }
}
