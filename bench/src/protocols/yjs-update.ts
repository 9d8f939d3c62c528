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

/** The update that sets the key for the nth time (from 0) to a whole number below 2^31. */
export function encodeSet(client: number, clock: number, key: string, value: number): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, 1); // clients
  encoding.writeVarUint(encoder, 1); // structs of it
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, clock);
  if (clock === 0) {
    encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_KEY);
    encoding.writeVarUint(encoder, PARENT_IS_NAME);
    encoding.writeVarString(encoder, 'data');
    encoding.writeVarString(encoder, key);
  } else {
    // The item that it takes the place of says where it is.
    encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_KEY | HAS_ORIGIN);
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock - 1);
  }
  encoding.writeVarUint(encoder, 1);
  encoding.writeAny(encoder, value);
  writeDeleted(encoder, client, clock);
  return encoding.toUint8Array(encoder);
}

/** That item is deleted. */
function writeDeleted(encoder: encoding.Encoder, client: number, clock: number): void {
  if (clock === 0) {
    encoding.writeVarUint(encoder, 0);
    return;
  }
  encoding.writeVarUint(encoder, 1); // clients
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, 1); // ranges
  encoding.writeVarUint(encoder, clock - 1);
  encoding.writeVarUint(encoder, 1);
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
