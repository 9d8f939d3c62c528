import { ByteReader, UnusualFormError } from './byte-reader.ts';
import { CHECKSUM_BYTES, changeHash, HASH_BYTES, isUncompressed, MAGIC } from './change-header.ts';
import { ColumnReader } from './column-reader.ts';
import { ACTION, COLUMN, VALUE } from './columns.ts';

/** An op of a change, as far as it has to do with JSON. Ids are a counter, `@` and an actor. */
export interface ChangeOp {
  /** `set`, `del`, `makeMap`, `makeList`; the library knows more. */
  readonly action: string;
  /** `_root`, or the id of an object. */
  readonly obj: string;
  /** Of a map. */
  readonly key?: string;
  /** Of a list or a text: the element that it writes to or, where it inserts one, that is before it; `_head`: none. */
  readonly elemId?: string;
  readonly insert?: boolean;
  readonly value?: string | number | boolean | bigint | null;
  /** What a value is that JSON does not have. */
  readonly datatype?: string;
  /** The ids of the ops that it replaces. */
  readonly pred: readonly string[];
}

/** What a change says. */
export interface ReadChange {
  readonly actor: string;
  readonly seq: number;
  readonly startOp: number;
  /** Unix seconds. */
  readonly time: number;
  readonly message: string | null;
  readonly deps: readonly string[];
  readonly hash: string;
  readonly ops: readonly ChangeOp[];
}

/** One of more is left to the library. */
const MAX_OPS = 1 << 20;
/** The library counts with 32 bits. */
const MAX_COUNTER = 2 ** 32 - 1;
const ACTIONS = new Map<number, string>([
  [ACTION.makeMap, 'makeMap'],
  [ACTION.set, 'set'],
  [ACTION.makeList, 'makeList'],
  [ACTION.delete, 'del'],
]);

/**
 * Reads a change that has nothing but what `ChangeDraft` writes, wherever in a document it writes it: it says what the library's
 * `decodeChange` says, in a fraction of the time.
 * @returns undefined where there is something else in it, or may be something wrong: what, the library says
 */
export function readChange(change: Uint8Array): ReadChange | undefined {
  if (!isUncompressed(change)) return undefined;
  try {
    return read(change);
  } catch (error) {
    if (error instanceof UnusualFormError) return undefined;
    throw error;
  }
}

function read(change: Uint8Array): ReadChange {
  const reader = ByteReader.of(change);
  const hash = changeHash(change);
  const checksum = hash.slice(0, 2 * CHECKSUM_BYTES);
  if (reader.hex(MAGIC.length) !== MAGIC.toString('hex') || reader.hex(CHECKSUM_BYTES) !== checksum) {
    unusual('a damaged change');
  }
  reader.byte(); // its type
  if (reader.unsigned() !== reader.left) unusual('more than a change, or less');
  const deps = reader.list(reader.unsigned(), () => reader.hex(HASH_BYTES));
  const actor = reader.prefixedHex();
  const seq = reader.unsigned();
  const startOp = reader.unsigned();
  const time = reader.signed();
  const message = reader.prefixedText() || null;
  const others = reader.list(reader.unsigned(), () => reader.prefixedHex());
  const ops = opsOf(new ColumnReader(reader), [actor, ...others]);
  if (Math.max(seq, startOp + ops.length) > MAX_COUNTER) unusual('large numbers');
  return { actor, seq, startOp, time, message, deps, hash, ops };
}

function opsOf(columns: ColumnReader, actors: readonly string[]): ChangeOp[] {
  const actions = columns.upTo(MAX_OPS, COLUMN.action);
  const count = actions.length;
  const objects = idsOf(
    columns.numbers(COLUMN.objectActor, count),
    columns.numbers(COLUMN.objectCounter, count),
    actors,
  );
  const elements = idsOf(columns.numbers(COLUMN.keyActor, count), columns.deltas(COLUMN.keyCounter, count), actors);
  const keys = columns.texts(COLUMN.keyText, count);
  const inserts = columns.booleans(COLUMN.insert, count);
  const values = valuesOf(columns.numbers(COLUMN.valueMeta, count), columns.raw(COLUMN.value));
  const preds = predsOf(columns, count, actors);
  return actions.map((code, i): ChangeOp => {
    const action = (code === null ? undefined : ACTIONS.get(code)) ?? unusual('another action');
    const place = placeOf(objects[i] ?? null, keys[i] ?? null, elements[i] ?? null, inserts[i] === true);
    const [value = null, pred = []] = [values[i], preds[i]];
    if (action === 'set') return { action, ...place, value, pred };
    return value === null ? { action, ...place, pred } : unusual('a value where none belongs');
  });
}

function placeOf(obj: string | null, key: string | null, elemId: string | null, insert: boolean) {
  if (obj === '_head') return unusual('another object');
  if (key !== null && elemId === null && !insert) return { obj: obj ?? '_root', key };
  return key === null && elemId !== null && obj !== null ? { obj, elemId, insert } : unusual('another place');
}

/** `_head` where the counter is 0, and there is no actor. */
function idsOf(
  ofActors: readonly (number | null)[],
  counters: readonly (number | null)[],
  actors: readonly string[],
): (string | null)[] {
  return counters.map((counter, i) => {
    const index = ofActors[i] ?? null;
    if (counter === null && index === null) return null;
    if (counter === 0 && index === null) return '_head';
    const actor = index === null ? undefined : actors[index];
    const isCounter = counter !== null && counter > 0 && counter <= MAX_COUNTER;
    if (!isCounter || actor === undefined) unusual('the id of an op');
    return `${counter}@${actor}`;
  });
}

function valuesOf(
  metas: readonly (number | null)[],
  raw: ByteReader | undefined,
): (string | number | boolean | null)[] {
  const values = metas.map((meta) => (meta === null ? unusual('no value') : jsonOf(meta, raw)));
  if (raw !== undefined && raw.left > 0) unusual('more values than ops');
  return values;
}

/** @param meta its type and length */
function jsonOf(meta: number, raw: ByteReader | undefined): string | number | boolean | null {
  const [type, length] = [meta % 16, Math.floor(meta / 16)];
  if (length === 0 || raw === undefined) {
    if (meta === VALUE.null) return null;
    if (meta === VALUE.false || meta === VALUE.true) return meta === VALUE.true;
    return meta === VALUE.text ? '' : unusual('another value');
  }
  if (type === VALUE.text) return raw.text(length);
  const part = raw.part(length);
  const value = type === VALUE.int ? part.signed() : type === VALUE.float ? part.float() : undefined;
  return value === undefined || part.left > 0 ? unusual('another value') : value;
}

function predsOf(columns: ColumnReader, count: number, actors: readonly string[]): string[][] {
  const counts = columns.numbers(COLUMN.predCount, count).map((n) => n ?? unusual('no count'));
  const all = counts.reduce((sum, n) => sum + n, 0);
  if (all > MAX_OPS) unusual('more ops than are read here');
  const ids = idsOf(columns.numbers(COLUMN.predActor, all), columns.deltas(COLUMN.predCounter, all), actors);
  let at = 0;
  return counts.map((n) => {
    const own = ids.slice(at, at + n).map((id) => (id === null || id === '_head' ? unusual('no id') : id));
    at += n;
    for (const [i, id] of own.entries()) if (i > 0 && !isBefore(own[i - 1] ?? '', id)) unusual('ids out of order');
    return own;
  });
}

/** The library sorts those that an op replaces. */
function isBefore(id: string, other: string): boolean {
  const [counter, actor] = id.split('@');
  const [otherCounter, otherActor] = other.split('@');
  return counter === otherCounter ? String(actor) < String(otherActor) : Number(counter) < Number(otherCounter);
}

function unusual(what: string): never {
  throw new UnusualFormError(what);
}
