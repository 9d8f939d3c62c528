import { ByteWriter } from './byte-writer.ts';

// The columns of https://automerge.org/automerge-binary-format-spec: what all ops of a change have in one field, one after
// the other. A column that says nothing is left out.

/** What says which column it is. */
export const COLUMN = {
  objectActor: 0x01,
  objectCounter: 0x02,
  keyActor: 0x11,
  keyCounter: 0x13,
  keyText: 0x15,
  insert: 0x34,
  action: 0x42,
  valueMeta: 0x56,
  value: 0x57,
  predCount: 0x70,
  predActor: 0x71,
  predCounter: 0x73,
} as const;

/** What an op does, of what JSON takes. */
export const ACTION = { makeMap: 0, set: 1, makeList: 2, delete: 3 } as const;

/** The type of a value, of those of JSON. */
export const VALUE = { null: 0, false: 1, true: 2, int: 4, float: 5, text: 6 } as const;

type Put<T> = (out: ByteWriter, value: T) => void;

const putUnsigned: Put<number> = (out, value) => out.unsigned(value);
const putSigned: Put<number> = (out, value) => out.signed(value);
const putText: Put<string> = (out, value) => out.prefixedText(value);

/** Puts columns together: first what each is and how long, then what is in them. */
export class ColumnWriter {
  readonly #specs: number[] = [];
  readonly #data = new ByteWriter();

  /** Whole numbers, or nothing. */
  numbers(spec: number, values: readonly (number | null)[]): void {
    this.#column(spec, () => putRuns(this.#data, values, putUnsigned));
  }

  texts(spec: number, values: readonly (string | null)[]): void {
    this.#column(spec, () => putRuns(this.#data, values, putText));
  }

  /** Whole numbers, each as what it is more than the one before, or nothing. */
  deltas(spec: number, values: readonly (number | null)[]): void {
    let before = 0;
    const deltas = values.map((value) => {
      if (value === null) return null;
      const delta = value - before;
      before = value;
      return delta;
    });
    this.#column(spec, () => putRuns(this.#data, deltas, putSigned));
  }

  /** How many times false, how many times true, false, true… */
  booleans(spec: number, values: readonly boolean[]): void {
    this.#column(spec, () => {
      for (let at = 0, value = false; at < values.length; value = !value) {
        const start = at;
        while (at < values.length && values[at] === value) at += 1;
        this.#data.unsigned(at - start);
      }
    });
  }

  raw(spec: number, bytes: Uint8Array): void {
    this.#column(spec, () => this.#data.bytes(bytes));
  }

  putInto(out: ByteWriter): void {
    out.unsigned(this.#specs.length / 2);
    for (const number of this.#specs) out.unsigned(number);
    out.bytes(this.#data.written);
  }

  #column(spec: number, put: () => void): void {
    const start = this.#data.length;
    put();
    if (this.#data.length > start) this.#specs.push(spec, this.#data.length - start);
  }
}

/** Run-length encoding: `n` equal ones, `-n` that differ each from its neighbours, or `0` and how many times nothing. */
function putRuns<T extends number | string>(out: ByteWriter, values: readonly (T | null)[], put: Put<T>): void {
  if (values.every((value) => value === null)) return;
  for (let at = 0, end = 0; at < values.length; at = end) {
    const value = values[at] ?? null;
    end = endOfRun(values, at);
    if (value === null) {
      out.signed(0);
      out.unsigned(end - at);
    } else if (end - at > 1) {
      out.signed(end - at);
      put(out, value);
    } else {
      while (end < values.length && values[end] !== null && endOfRun(values, end) === end + 1) end += 1;
      out.signed(at - end);
      for (const one of values.slice(at, end)) if (one !== null) put(out, one);
    }
  }
}

function endOfRun(values: readonly unknown[], start: number): number {
  let end = start + 1;
  while (end < values.length && values[end] === values[start]) end += 1;
  return end;
}
