import type { Json } from '@etherply/protocol';
import type { RegisterMap } from '../registers/register-map.ts';
import type { Op } from '../strategy.ts';
import { type Document, put } from './document-schema.ts';

/** What would be, while a turn is planned. The document is written to and put back as it was in the end. */
export class Draft {
  readonly document: Document | undefined;
  readonly #registers: RegisterMap;
  /** Of the messages kept so far. */
  readonly #staged = new Map<string, string | undefined>();
  #message = new Map<string, string | undefined>();
  #effective: boolean[] = [];
  #before: [key: string, value: Json | undefined][] = [];
  #kept: [key: string, value: Json | undefined][] = [];

  constructor(registers: RegisterMap, document: Document | undefined) {
    this.#registers = registers;
    this.document = document;
  }

  get(key: string): string | undefined {
    if (this.#message.has(key)) return this.#message.get(key);
    return this.#staged.has(key) ? this.#staged.get(key) : this.#registers.get(key)?.json;
  }

  set({ key, json, value }: Op): void {
    this.#effective.push(json !== undefined || this.get(key) !== undefined);
    this.#message.set(key, json);
    if (this.document === undefined) return;
    this.#before.push([key, this.document[key]]);
    put(this.document, key, value);
  }

  /** The message has no effect. */
  undo(): void {
    this.#restore(this.#before);
    this.#next();
  }

  /** The message has effect: for each of its ops, whether it changes anything. */
  keep(): readonly boolean[] {
    for (const [key, json] of this.#message) this.#staged.set(key, json);
    for (const one of this.#before) this.#kept.push(one);
    const effective = this.#effective;
    this.#next();
    return effective;
  }

  end(): void {
    this.#restore(this.#kept);
  }

  #restore(before: readonly [string, Json | undefined][]): void {
    if (this.document !== undefined) for (const [key, value] of before.toReversed()) put(this.document, key, value);
  }

  #next(): void {
    this.#message = new Map();
    this.#effective = [];
    this.#before = [];
  }
}
