import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { progressForm } from './actor-progress.ts';
import { authorsForm } from './authors.ts';
import { frontierForm } from './frontier.ts';

/** One value that a key holds: more than one only where actors wrote concurrently. */
export interface Entry {
  readonly counter: number;
  readonly actor: string;
  readonly json: string;
  /** Unix microseconds. */
  readonly timestamp: number;
}

/** The name of the op that wrote it. */
export function idOf({ counter, actor }: Pick<Entry, 'counter' | 'actor'>): string {
  return `${counter}@${actor}`;
}

export interface Register {
  /** Greatest op id first, as Automerge resolves conflicts; empty: deleted. */
  readonly entries: readonly Entry[];
  readonly timestamp: number;
  /** The last record that changed it. */
  readonly position: number;
}

const frontier = frontierForm.extend({
  nextOp: z.int(),
  progress: progressForm,
  gone: z.array(z.string()),
  /** States of before there were whole documents do not have it. */
  isPartial: z.boolean().default(false),
  authors: authorsForm.default([]),
});
/** What there is besides the registers. */
export type Rest = z.infer<typeof frontier>;

const CHUNK_CHARACTERS = 64 * 1024;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const rows = z.array(
  z.tuple([z.string(), z.number(), z.int(), z.array(z.tuple([z.int(), z.string(), z.string(), z.number()]))]),
);
const chunk = z.union([z.object({ frontier }), z.object({ rows })]);

/** CBOR chunks: the frontier, then registers as rows of [key, timestamp, position, entries]. */
export function* encodeState(edge: Rest, keys: readonly string[], registers: readonly Register[]) {
  yield cbor.encode({ frontier: edge });
  let part: unknown[] = [];
  let characters = 0;
  for (const [i, key] of keys.entries()) {
    const register = registers[i];
    if (register === undefined) throw new Error('a key has no register');
    const entries = register.entries.map(({ counter, actor, json, timestamp: time }) => [counter, actor, json, time]);
    part.push([key, register.timestamp, register.position, entries]);
    characters += key.length + register.entries.reduce((sum, { json }) => sum + json.length, 32);
    if (characters < CHUNK_CHARACTERS) continue;
    yield cbor.encode({ rows: part });
    part = [];
    characters = 0;
  }
  if (part.length > 0) yield cbor.encode({ rows: part });
}

/** @throws where the bytes are no chunk of a state */
export function decodeStateChunk(bytes: Uint8Array): { frontier: Rest } | { registers: [string, Register][] } {
  const decoded = chunk.parse(cbor.decode(bytes));
  if ('frontier' in decoded) return decoded;
  const registers = decoded.rows.map(([key, timestamp, position, entries]): [string, Register] => [
    key,
    {
      timestamp,
      position,
      entries: entries.map(([counter, actor, json, time]) => ({ counter, actor, json, timestamp: time })),
    },
  ]);
  return { registers };
}
