import { expect, test } from '@jest/globals';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { Awareness, applyAwarenessUpdate } from 'y-protocols/awareness';
import { readSyncMessage } from 'y-protocols/sync';
import * as Y from 'yjs';
import { hocuspocus } from '../../src/protocols/hocuspocus.ts';
import { yWebsocket } from '../../src/protocols/y-websocket.ts';
import type { Message } from '../../src/raw-client.ts';
import { Recorder } from './recorder.ts';

const SYNC = 0;
const AWARENESS = 1;
const SYNC_STATUS = 8;

function bytesOf(message: Message | undefined): Uint8Array {
  if (message === undefined || typeof message === 'string') throw new Error('it is no binary message');
  return message;
}

/** Has a document take in a message, as a server does; returns its answer, where it has one. */
function serve(doc: Y.Doc, decoder: decoding.Decoder, head: (encoder: encoding.Encoder) => void): Buffer | undefined {
  const encoder = encoding.createEncoder();
  head(encoder);
  const empty = encoding.length(encoder);
  readSyncMessage(decoder, encoder, doc, null);
  return encoding.length(encoder) > empty ? Buffer.from(encoding.toUint8Array(encoder)) : undefined;
}

const ySync = (encoder: encoding.Encoder) => encoding.writeVarUint(encoder, SYNC);

test('y-protocols understands what it sends, and it what they answer', () => {
  const doc = new Y.Doc();
  const receive = (message: Uint8Array) => {
    const decoder = decoding.createDecoder(message);
    expect(decoding.readVarUint(decoder)).toBe(SYNC);
    return serve(doc, decoder, ySync);
  };
  const events = new Recorder();
  const client = yWebsocket.client({ workspace: 3, n: 1 }, events);
  const [hello] = client.hello();
  const answer = receive(bytesOf(hello));
  if (answer === undefined) throw new Error('step 1 has no answer');
  client.receive(answer);
  expect(events.isReady).toBe(true);
  for (const value of [5, 6]) {
    const write = bytesOf(client.write(value));
    receive(write);
    client.receive(Buffer.from(write)); // the server sends it to everybody
  }
  expect(doc.getMap('data').toJSON()).toEqual({ 'key-1': 6 });
  expect(events.ackedCount).toBe(2);
  const other = new Recorder();
  yWebsocket.client({ workspace: 3, n: 0 }, other).receive(Buffer.from(bytesOf(client.write(7))));
  expect(other.deliveries).toEqual([[1, 7]]);
});

test('y-protocols understands its presence', () => {
  const awareness = new Awareness(new Y.Doc());
  const client = yWebsocket.client({ workspace: 3, n: 1 }, new Recorder());
  for (const at of [5, 6]) {
    const decoder = decoding.createDecoder(bytesOf(client.present?.(at)));
    expect(decoding.readVarUint(decoder)).toBe(AWARENESS);
    applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), null);
    expect([...awareness.getStates().values()]).toContainEqual({ at });
  }
  awareness.destroy();
});

test('of Hocuspocus, the status of what it answers to step 1 is no ack of a write', () => {
  const head = (type: number) => (encoder: encoding.Encoder) => {
    encoding.writeVarString(encoder, 'bench-3');
    encoding.writeVarUint(encoder, type);
  };
  const status = encoding.createEncoder();
  head(SYNC_STATUS)(status);
  encoding.writeVarUint(status, 1);
  const applied = Buffer.from(encoding.toUint8Array(status));
  const step1 = encoding.createEncoder();
  head(SYNC)(step1);
  encoding.writeVarUint(step1, 0);
  encoding.writeVarUint8Array(step1, Y.encodeStateVector(new Y.Doc()));
  const events = new Recorder();
  const client = hocuspocus.client({ workspace: 3, n: 1 }, events);
  client.receive(Buffer.from(encoding.toUint8Array(step1)));
  expect(events.sent).toHaveLength(1);
  client.write(5);
  client.receive(applied);
  expect(events.ackedCount).toBe(0);
  client.receive(applied);
  expect(events.ackedCount).toBe(1);
});
