import type { SyncState } from '@automerge/automerge';
import { LRUCache } from 'lru-cache';
import { sameHeads } from '../heads.ts';
import type { StrategyRecord } from '../strategy.ts';
import type { DecodedWrites } from './change.ts';
import type { KnownObject } from './change-judge.ts';
import { AutomergeDocument } from './document.ts';
import { type Entry, idOf, type Register } from './state-chunks.ts';

type Registers = ReadonlyMap<string, Register>;

/** A change as it is read, with its record. */
export interface Arrived {
  readonly decoded: DecodedWrites;
  readonly record: StrategyRecord;
}

/** Changes whose effect has not been looked at yet. */
interface Pending {
  /** Those of the root map that they write; what they edit inside of only the document knows. */
  readonly keys: Set<string>;
  /** Those that they edit inside of. */
  readonly objects: Set<string>;
  /** Unix microseconds, by the id of the op. */
  readonly timestamps: Map<string, number>;
  /** Of the last record. */
  position: number;
  /** Unix microseconds of the last change. */
  time: number;
  /** How many changes these are, and how large together. */
  count: number;
  bytes: number;
}

/** From so many changes on, or bytes of them, their effect is to be looked at though nobody asks. */
const MOST_PENDING = 256;
const MOST_PENDING_BYTES = 64 * 1024;
/** So many objects are remembered. */
const KNOWN_OBJECTS = 256;

/**
 * The registers of a workspace as its whole document has them. The library takes long for a change to a large document, and not
 * much longer for many: what changes did is looked at when somebody asks.
 */
export class DocumentRegisters {
  readonly #document: AutomergeDocument;
  /** Those that were asked for and can be seen: an object stays where it is. */
  readonly #objects = new LRUCache<string, KnownObject>({ max: KNOWN_OBJECTS });
  #pending: Pending | undefined;
  #isPartial: boolean;

  /**
   * @param history all changes, concatenated
   * @param isPartial some of them waited for others when the registers were last looked at
   */
  constructor(history: Uint8Array, isPartial: boolean) {
    this.#document = new AutomergeDocument(history);
    // What is in may depend on what is not.
    this.#isPartial = isPartial || this.#document.isWaiting;
  }

  /** Changes wait in the document for others that they depend on; their effect is in no register. */
  get isPartial(): boolean {
    return this.#isPartial;
  }

  /** The registers of somebody who has exactly the changes up to these heads are those of the document. */
  isAt(heads: readonly string[]): boolean {
    return !this.#isPartial && sameHeads(this.#document.heads, heads);
  }

  /** What it takes in memory, about. */
  get bytes(): number {
    return this.#document.bytes;
  }

  /** Gives back its memory: it is of no use any more. */
  free(): void {
    this.#document.free();
  }

  /** What is different in the whole document, or may have been edited inside by its last changes. @param position of the last of these */
  *all(registers: Registers, position: number): Iterable<[string, Register]> {
    for (const key of new Set([...registers.keys(), ...this.#document.keys()])) {
      const held = registers.get(key);
      const entries = this.#entriesOf(key, held, held?.timestamp ?? 0, new Map());
      const mayHaveChanged = entries.some(({ json }) => /^["[{]/.test(json));
      if (!mayHaveChanged && namesOf(entries) === namesOf(held?.entries ?? [])) continue;
      yield [key, { entries, timestamp: entries[0]?.timestamp ?? held?.timestamp ?? 0, position }];
    }
  }

  /** A change whose effect is in the registers already. */
  add(change: Uint8Array): void {
    this.#document.add(change);
  }

  take({ decoded, record }: Arrived, position: number): void {
    const { change, keys, objects, writes } = decoded;
    this.#document.add(record.data);
    this.#pending ??= {
      keys: new Set(),
      objects: new Set(),
      timestamps: new Map(),
      position,
      time: 0,
      count: 0,
      bytes: 0,
    };
    const pending = this.#pending;
    pending.position = position;
    pending.count += 1;
    pending.bytes += record.data.length;
    pending.time = change.time * 1e6;
    for (const key of keys) pending.keys.add(key);
    for (const object of objects) pending.objects.add(object);
    for (const [at, { counter }] of writes?.entries() ?? []) {
      const timestamp = record.timestamps[at];
      if (timestamp !== undefined) pending.timestamps.set(`${counter}@${change.actor}`, timestamp);
    }
  }

  /** Whether a change is in; it may be, where some wait for others. */
  mayHave(hash: string): boolean {
    return this.#document.isWaiting || this.#document.has(hash);
  }

  /** Whether a change is in, and has its effect. */
  has(hash: string): boolean {
    return this.#document.has(hash);
  }

  /** An object; undefined where there is none. */
  objectOf(id: string): KnownObject | undefined {
    const known = this.#objects.get(id) ?? this.#document.objectOf(id);
    if (known !== undefined && known.depth > 0) this.#objects.set(id, known);
    return known;
  }

  /** So much has come since the last time that `changed` is to be asked. */
  get isDue(): boolean {
    const { count, bytes } = this.#pending ?? { count: 0, bytes: 0 };
    return count >= MOST_PENDING || bytes >= MOST_PENDING_BYTES;
  }

  /** As `AutomergeDocument.hasValue`. */
  hasValue(object: string, key: string, id: string): boolean {
    return this.#document.hasValue(object, key, id);
  }

  /** As `AutomergeDocument.keepsWhole`. */
  keepsWhole(changes: readonly Uint8Array[], hashes: ReadonlySet<string>): boolean {
    return this.#document.keepsWhole(changes, hashes);
  }

  hear(peer: SyncState, message: Uint8Array): SyncState {
    return this.#document.hear(peer, message);
  }

  tell(peer: SyncState): [SyncState, Uint8Array | null] {
    return this.#document.tell(peer);
  }

  /** What is different since the last time. */
  changed(registers: Registers): [string, Register][] {
    if (this.#pending === undefined) return [];
    const { keys, objects, timestamps, position, time } = this.#pending;
    this.#pending = undefined;
    for (const object of objects) {
      const place = this.#document.placeOf(object);
      if (place !== undefined) keys.add(place.key);
    }
    const { isWaiting } = this.#document;
    // What waits may change any key.
    if (isWaiting || this.#isPartial) for (const key of registers.keys()) keys.add(key);
    this.#isPartial = isWaiting;
    return [...keys].map((key) => {
      const entries = this.#entriesOf(key, registers.get(key), time, timestamps);
      return [key, { entries, timestamp: entries[0]?.timestamp ?? time, position }];
    });
  }

  /** The time of a value that was not here before is the one of its op, or else this one. */
  #entriesOf(key: string, held: Register | undefined, time: number, timestamps: ReadonlyMap<string, number>): Entry[] {
    const before = new Map(held?.entries.map((entry) => [idOf(entry), entry]));
    return this.#document.valuesOf(key).map((value) => {
      const same = before.get(idOf(value));
      const timestamp = timestamps.get(idOf(value)) ?? (same?.json === value.json ? same.timestamp : time);
      return { ...value, timestamp };
    });
  }
}

/** Which values they are. */
function namesOf(entries: readonly Entry[]): string {
  return JSON.stringify(entries.map((entry) => [idOf(entry), entry.json]));
}
