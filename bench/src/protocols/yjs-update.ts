import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

// Updates of Yjs, format 1, of a map in which each client sets a key of its own: what `doc.getMap('data').set(key, value)` makes.

const CONTENT_ANY = 8;
const CONTENT_DELETED = 1;
const GC = 0;
const SKIP = 10;
const CONTENT = 0x1f;
const HAS_PARENT_KEY = 0x20;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_ORIGIN = 0x80;
const PARENT_IS_NAME = 1;

/** Which one a write is: those of a client count from 0. */
export interface WriteId {
  readonly client: number;
  readonly clock: number;
}

/** The update that sets a key that is not there. */
export function encodeFirstSet(id: WriteId, key: string, value: string | number): Uint8Array {
  const encoder = updateOf(id);
  encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_KEY);
  encoding.writeVarUint(encoder, PARENT_IS_NAME);
  encoding.writeVarString(encoder, 'data');
  encoding.writeVarString(encoder, key);
  encoding.writeVarUint(encoder, 1);
  encoding.writeAny(encoder, value);
  encoding.writeVarUint(encoder, 0); // nothing is deleted
  return encoding.toUint8Array(encoder);
}

/** The update that sets a key again that the write before this one has set. */
export function encodeSet(id: WriteId, value: number): Uint8Array {
  const encoder = updateOf(id);
  // The item that it takes the place of says where it is.
  encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_KEY | HAS_ORIGIN);
  encoding.writeVarUint(encoder, id.client);
  encoding.writeVarUint(encoder, id.clock - 1);
  encoding.writeVarUint(encoder, 1);
  encoding.writeAny(encoder, value);
  // That item is deleted.
  encoding.writeVarUint(encoder, 1); // clients
  encoding.writeVarUint(encoder, id.client);
  encoding.writeVarUint(encoder, 1); // ranges
  encoding.writeVarUint(encoder, id.clock - 1);
  encoding.writeVarUint(encoder, 1);
  return encoding.toUint8Array(encoder);
}

/** The beginning of an update of one struct. */
function updateOf({ client, clock }: WriteId): encoding.Encoder {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 1); // clients
  encoding.writeVarUint(encoder, 1); // structs of it
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, clock);
  return encoder;
}

/** Calls back for each number that an update sets a key to. @throws where it holds something else */
export function eachSet(decoder: decoding.Decoder, onSet: (client: number, value: number) => void): void {
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients -= 1) {
    const structs = decoding.readVarUint(decoder);
    const client = decoding.readVarUint(decoder);
    decoding.readVarUint(decoder); // clock
    for (let struct = 0; struct < structs; struct += 1) readStruct(decoder, (value) => onSet(client, value));
  }
}

function readStruct(decoder: decoding.Decoder, onValue: (value: number) => void): void {
  const info = decoding.readUint8(decoder);
  const content = info & CONTENT;
  if (content === GC || content === SKIP) {
    decoding.readVarUint(decoder);
    return;
  }
  if ((info & HAS_ORIGIN) !== 0) readId(decoder);
  if ((info & HAS_RIGHT_ORIGIN) !== 0) readId(decoder);
  if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) {
    if (decoding.readVarUint(decoder) === PARENT_IS_NAME) decoding.readVarString(decoder);
    else readId(decoder);
    if ((info & HAS_PARENT_KEY) !== 0) decoding.readVarString(decoder);
  }
  const length = decoding.readVarUint(decoder);
  if (content === CONTENT_DELETED) return;
  if (content !== CONTENT_ANY) throw new Error(`an update with content ${content}`);
  for (let i = 0; i < length; i += 1) {
    const value: unknown = decoding.readAny(decoder);
    if (typeof value === 'number') onValue(value);
  }
}

function readId(decoder: decoding.Decoder): void {
  decoding.readVarUint(decoder);
  decoding.readVarUint(decoder);
}
