import { createHash } from 'node:crypto';
import { Encoder } from 'cbor-x';
import { z } from 'zod';

/** One write of a record. `json` undefined: a deletion. */
export interface RecordedWrite {
  readonly key: string;
  readonly json: string | undefined;
  /** Unix microseconds. */
  readonly timestamp: number;
  /** Orders the writes with the same timestamp. */
  readonly logical: number;
  readonly user: string;
}

/** What was written in one turn. */
export interface RegisterRecord {
  /** The process that made it. */
  readonly actor: string;
  /** Counts the records of an actor, from 1. */
  readonly seq: number;
  /** Unix milliseconds. */
  readonly time: number;
  readonly writes: readonly RecordedWrite[];
}

const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const wireForm = z.tuple([
  z.literal(VERSION),
  z.string(),
  z.int(),
  z.number(),
  z.array(z.string()),
  z.array(z.tuple([z.string(), z.string().nullable(), z.number(), z.int(), z.int()])),
]);

const LENGTH_BYTES = 4;

/**
 * The length of what follows (4 bytes, big-endian), so that a concatenation can be cut; then a CBOR array: version, actor, seq,
 * time, users, writes as [key, json or null, timestamp, logical, index of the user].
 */
export function encodeRecord({ actor, seq, time, writes }: RegisterRecord): Uint8Array {
  const users = [...new Set(writes.map(({ user }) => user))];
  const indexes = new Map(users.map((user, i) => [user, i]));
  const rows = writes.map(({ key, json, timestamp, logical, user }) => {
    return [key, json ?? null, timestamp, logical, indexes.get(user)];
  });
  const content = cbor.encode([VERSION, actor, seq, time, users, rows]);
  const data = Buffer.allocUnsafe(LENGTH_BYTES + content.length);
  data.writeUInt32BE(content.length);
  data.set(content, LENGTH_BYTES);
  return data;
}

/** @throws where the bytes are no record of a known version */
export function decodeRecord(data: Uint8Array): RegisterRecord {
  return fromWire(cbor.decode(data.subarray(LENGTH_BYTES)));
}

/** The records in a concatenation of encoded ones, each with its part of it. */
export function* decodeRecords(data: Uint8Array): Iterable<{ record: RegisterRecord; data: Uint8Array }> {
  const lengths = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let start = 0, end = 0; start < data.length; start = end) {
    end = start + LENGTH_BYTES + lengths.getUint32(start);
    if (end > data.length) throw new Error('the history ends within a record');
    const part = data.subarray(start, end);
    yield { record: decodeRecord(part), data: part };
  }
}

/** What stands for a record in a head: SHA-256. */
export function digestOf(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}

function fromWire(item: unknown): RegisterRecord {
  const [, actor, seq, time, users, rows] = wireForm.parse(item);
  const writes = rows.map(([key, json, timestamp, logical, index]) => {
    const user = users[index];
    if (user === undefined) throw new Error('a write of a record names no user');
    return { key, json: json ?? undefined, timestamp, logical, user };
  });
  return { actor, seq, time, writes };
}
