import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { eachPresence } from './presence-times.ts';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';
import { AWARENESS, SYNC, YjsClient } from './yjs-client.ts';

/** y-websocket's: the server sends each update to everybody, its sender too. */
export const yWebsocket: Protocol = {
  client: (identity, events) => new YWebsocketClient(identity, events),
  credit: 'echo',
  window: Number.POSITIVE_INFINITY,
  beyondWindow: 'is written',
};

class YWebsocketClient implements ProtocolClient {
  readonly #workspace: number;
  readonly #yjs: YjsClient;
  readonly #events: ClientEvents;

  constructor(identity: ClientIdentity, events: ClientEvents) {
    this.#events = events;
    this.#workspace = identity.workspace;
    this.#yjs = new YjsClient(identity, events, 'acks');
  }

  path() {
    return `/bench-${this.#workspace}`;
  }

  hello() {
    const encoder = message();
    this.#yjs.writeStep1(encoder);
    return [encoding.toUint8Array(encoder)];
  }

  write(dueAt: number): Uint8Array {
    const encoder = message();
    this.#yjs.writeSet(encoder, dueAt);
    return encoding.toUint8Array(encoder);
  }

  present(dueAt: number): Uint8Array {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, AWARENESS);
    this.#yjs.writePresence(encoder, dueAt);
    return encoding.toUint8Array(encoder);
  }

  fill(keys: number, valueBytes: number): Uint8Array[] {
    return Array.from({ length: keys }, (_, key) => {
      const encoder = message();
      this.#yjs.writeFilled(encoder, key, valueBytes);
      return encoding.toUint8Array(encoder);
    });
  }

  receive(frame: Buffer): void {
    const decoder = decoding.createDecoder(frame);
    const type = decoding.readVarUint(decoder);
    if (type === SYNC) this.#yjs.receiveSync(decoder, message);
    else if (type === AWARENESS) eachPresence(frame, (dueAt) => this.#events.seen(dueAt));
  }
}

function message(): encoding.Encoder {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, SYNC);
  return encoder;
}
