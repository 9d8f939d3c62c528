import { type ByteReader, UnusualFormError } from './byte-reader.ts';
import { COLUMN } from './columns.ts';

type One<T> = (column: ByteReader) => T;

const unsigned: One<number> = (column) => column.unsigned();
const signed: One<number> = (column) => column.signed();
const text: One<string> = (column) => column.prefixedText();
const KNOWN = new Set<number>(Object.values(COLUMN));

/** Takes apart what `ColumnWriter` puts together. Every method throws UnusualFormError where something else is there. */
export class ColumnReader {
  readonly #columns = new Map<number, ByteReader>();

  /** @param reader of the columns, and nothing after them */
  constructor(reader: ByteReader) {
    let last = 0;
    const about = reader.list(reader.unsigned(), () => ({ spec: reader.unsigned(), length: reader.unsigned() }));
    for (const { spec, length } of about) {
      if (!KNOWN.has(spec) || spec <= last || length === 0) throw new UnusualFormError('other columns');
      last = spec;
      this.#columns.set(spec, reader.part(length));
    }
    if (reader.left > 0) throw new UnusualFormError('something after the columns');
  }

  /** @param most how many there may be */
  upTo(most: number, spec: number): (number | null)[] {
    return runsOf(this.#columns.get(spec), most, unsigned);
  }

  numbers(spec: number, count: number): (number | null)[] {
    return this.#exactly(spec, count, unsigned);
  }

  texts(spec: number, count: number): (string | null)[] {
    return this.#exactly(spec, count, text);
  }

  deltas(spec: number, count: number): (number | null)[] {
    let sum = 0;
    return this.#exactly(spec, count, signed).map((delta) => {
      if (delta === null) return null;
      sum += delta;
      return sum;
    });
  }

  booleans(spec: number, count: number): boolean[] {
    const column = this.#columns.get(spec);
    const values: boolean[] = [];
    if (column === undefined) return new Array<boolean>(count).fill(false);
    for (let value = false; column.left > 0; value = !value) {
      const length = column.unsigned();
      if (length > count - values.length) throw new UnusualFormError('more than there are ops');
      for (let n = 0; n < length; n += 1) values.push(value);
    }
    if (values.length < count) throw new UnusualFormError('less than there are ops');
    return values;
  }

  /** Undefined where there is no such column. */
  raw(spec: number): ByteReader | undefined {
    return this.#columns.get(spec);
  }

  #exactly<T>(spec: number, count: number, one: One<T>): (T | null)[] {
    const column = this.#columns.get(spec);
    if (column === undefined) return new Array<null>(count).fill(null);
    const values = runsOf(column, count, one);
    if (values.length < count) throw new UnusualFormError('less than there are ops');
    return values;
  }
}

/** Run-length decoding, as `ColumnWriter` says it. */
function runsOf<T>(column: ByteReader | undefined, most: number, one: One<T>): (T | null)[] {
  const values: (T | null)[] = [];
  while (column !== undefined && column.left > 0) {
    const run = column.signed();
    const length = run === 0 ? column.unsigned() : Math.abs(run);
    if (length === 0 || length > most - values.length) throw new UnusualFormError('more than there are ops');
    if (run < 0) for (let n = 0; n < length; n += 1) values.push(one(column));
    else {
      const value = run === 0 ? null : one(column);
      for (let n = 0; n < length; n += 1) values.push(value);
    }
  }
  return values;
}
