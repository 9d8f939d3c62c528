import type { Json } from '@etherply/protocol';
import { ByteWriter } from './byte-writer.ts';
import { CHECKSUM_BYTES, changeHash, MAGIC, UNCOMPRESSED } from './change-header.ts';
import { ACTION, COLUMN, ColumnWriter, VALUE } from './columns.ts';

/** Where an op writes: a key of a map, or a new element of a list after another one, or first. */
type Place = { readonly obj: string | null } & ({ readonly key: string } | { readonly after: string | null });

export interface ChangeHeader {
  readonly actor: string;
  readonly seq: number;
  readonly startOp: number;
  readonly deps: readonly string[];
  /** Unix seconds. */
  readonly time: number;
  readonly message: string;
}

/**
 * A change while it is put together, in columns. It comes out with the same bytes as from the library's `encodeChange`, which
 * reads its ops as JSON, with a parser that can be off in the last place of a float, and takes some twenty times as long.
 */
export class ChangeDraft {
  readonly #header: ChangeHeader;
  readonly #objects: (string | null)[] = [];
  readonly #keys: (string | null)[] = [];
  /** Of elements of lists: after which other one they come, `''` for the first. */
  readonly #after: (string | null)[] = [];
  readonly #inserts: boolean[] = [];
  readonly #actions: number[] = [];
  readonly #valueMeta: number[] = [];
  readonly #values = new ByteWriter();
  readonly #predCounts: number[] = [];
  readonly #preds: string[] = [];

  constructor(header: ChangeHeader) {
    this.#header = header;
  }

  /** Writes a whole value to a key of the root map; undefined deletes it. `pred` are the op ids that it replaces, in order. */
  writeRoot(key: string, value: Json | undefined, pred: readonly string[]): void {
    this.#write({ obj: null, key }, value, pred);
  }

  encode(): { bytes: Uint8Array; hash: string } {
    const content = this.#content();
    const head = new ByteWriter();
    head.byte(UNCOMPRESSED);
    head.unsigned(content.length);
    const start = MAGIC.length + CHECKSUM_BYTES;
    // Memory of its own: it is kept, and may be given to another thread.
    const bytes = new Uint8Array(start + head.length + content.length);
    bytes.set(MAGIC);
    bytes.set(head.written, start);
    bytes.set(content.written, start + head.length);
    const hash = changeHash(bytes);
    bytes.set(Buffer.from(hash.slice(0, 2 * CHECKSUM_BYTES), 'hex'), MAGIC.length);
    return { bytes, hash };
  }

  #write(place: Place, value: Json | undefined, pred: readonly string[]): void {
    this.#objects.push(place.obj);
    this.#keys.push('key' in place ? place.key : null);
    this.#after.push('after' in place ? (place.after ?? '') : null);
    this.#inserts.push('after' in place);
    this.#predCounts.push(pred.length);
    this.#preds.push(...pred);
    const id = `${this.#header.startOp + this.#actions.length}@${this.#header.actor}`;
    if (value === undefined) this.#act(ACTION.delete, VALUE.null);
    else if (typeof value !== 'object' || value === null) this.#act(ACTION.set, this.#put(value));
    else if (Array.isArray(value)) {
      this.#act(ACTION.makeList, VALUE.null);
      this.#fillList(id, value);
    } else {
      this.#act(ACTION.makeMap, VALUE.null);
      for (const [key, item] of Object.entries(value)) this.#write({ obj: id, key }, item, []);
    }
  }

  #fillList(obj: string, items: readonly Json[]): void {
    let after: string | null = null;
    for (const item of items) {
      const id = `${this.#header.startOp + this.#actions.length}@${this.#header.actor}`;
      this.#write({ obj, after }, item, []);
      after = id;
    }
  }

  #act(action: number, valueMeta: number): void {
    this.#actions.push(action);
    this.#valueMeta.push(valueMeta);
  }

  /** @returns its type and length */
  #put(value: null | boolean | number | string): number {
    if (value === null) return VALUE.null;
    if (typeof value === 'boolean') return value ? VALUE.true : VALUE.false;
    const start = this.#values.length;
    let type: number = VALUE.float;
    if (typeof value === 'string') {
      type = VALUE.text;
      this.#values.text(value);
    } else if (Number.isInteger(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER) {
      // Integers of another type, or at the edge of the safe range, come back as BigInt.
      type = VALUE.int;
      this.#values.signed(value);
    } else this.#values.float(value);
    return (this.#values.length - start) * 16 + type;
  }

  #content(): ByteWriter {
    const { actor, seq, startOp, deps, time, message } = this.#header;
    const others = [...new Set(this.#preds.map(actorOf))].filter((one) => one !== actor).sort();
    const indexOf = new Map([actor, ...others].map((one, index) => [one, index]));
    const actorIndex = (id: string) => indexOf.get(actorOf(id)) ?? null;
    const out = new ByteWriter();
    out.unsigned(deps.length);
    for (const hash of deps.toSorted()) out.hex(hash);
    out.prefixedHex(actor);
    out.unsigned(seq);
    out.unsigned(startOp);
    out.signed(time);
    out.prefixedText(message);
    out.unsigned(others.length);
    for (const other of others) out.prefixedHex(other);
    const columns = new ColumnWriter();
    columns.numbers(
      COLUMN.objectActor,
      this.#objects.map((id) => (id === null ? null : actorIndex(id))),
    );
    columns.numbers(
      COLUMN.objectCounter,
      this.#objects.map((id) => (id === null ? null : counterOf(id))),
    );
    columns.numbers(
      COLUMN.keyActor,
      this.#after.map((id) => (id === null || id === '' ? null : actorIndex(id))),
    );
    columns.deltas(
      COLUMN.keyCounter,
      this.#after.map((id) => (id === null ? null : counterOf(id))),
    );
    columns.texts(COLUMN.keyText, this.#keys);
    columns.booleans(COLUMN.insert, this.#inserts);
    columns.numbers(COLUMN.action, this.#actions);
    columns.numbers(COLUMN.valueMeta, this.#valueMeta);
    columns.raw(COLUMN.value, this.#values.written);
    columns.numbers(COLUMN.predCount, this.#predCounts);
    columns.numbers(COLUMN.predActor, this.#preds.map(actorIndex));
    columns.deltas(COLUMN.predCounter, this.#preds.map(counterOf));
    columns.putInto(out);
    return out;
  }
}

function actorOf(id: string): string {
  return id.slice(id.indexOf('@') + 1);
}

function counterOf(id: string): number {
  return id === '' ? 0 : Number(id.slice(0, id.indexOf('@')));
}
