import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { sameHeads } from '../heads.ts';
import { KnownHeads } from '../known-heads.ts';
import { StateSize } from '../state-size.ts';
import type { RegisterView } from '../strategy.ts';
import { SeenRecords, seenForm } from './seen-records.ts';
import { compareStamps } from './stamp.ts';

const register = z.object({
  /** The value's text; undefined: deleted. */
  json: z.string().optional(),
  /** Unix microseconds. */
  timestamp: z.number(),
  logical: z.int(),
  /** Whose write this is. */
  actor: z.string(),
  /** The last record that changed it. */
  position: z.int(),
});
export type Register = z.infer<typeof register>;

const KNOWN_HEADS = 1024;
const CHUNK_CHARACTERS = 64 * 1024;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const frontier = z.object({
  seen: seenForm,
  known: z.array(z.tuple([z.string(), z.int()])),
  /** What the strategy adds. */
  extra: z.unknown(),
});
const chunkForm = z.union([z.object({ frontier }), z.object({ rows: z.array(z.tuple([z.string(), register])) })]);

/** Keys with one value each, the head, and the heads of before: what the strategies without an own document hold. */
export class RegisterMap {
  readonly size = new StateSize();
  readonly #registers = new Map<string, Register>();
  readonly #known = new KnownHeads(KNOWN_HEADS);
  readonly #seen = new SeenRecords();

  get(key: string): Register | undefined {
    return this.#registers.get(key);
  }

  set(key: string, next: Register): void {
    const held = this.#registers.get(key);
    this.size.changed(key, held?.json, next.json, held !== undefined);
    this.#registers.set(key, next);
  }

  /** One head, or none. */
  heads(): readonly string[] {
    return this.#seen.heads();
  }

  /** The head that there would be after a record with this digest. */
  headWith(digest: Uint8Array): string {
    return this.#seen.headWith(digest);
  }

  /** The number of the next record of an actor. */
  nextSeq(actor: string): number {
    return this.#seen.next(actor);
  }

  /** Whether a record is in. */
  has({ actor, seq }: { readonly actor: string; readonly seq: number }): boolean {
    return this.#seen.has(actor, seq);
  }

  /** Whether all records are in that are in `other`. */
  covers(other: RegisterMap): boolean {
    return this.#seen.covers(other.#seen);
  }

  /** What a record does has been done. */
  advance(
    { actor, seq }: { readonly actor: string; readonly seq: number },
    digest: Uint8Array,
    position: number,
  ): void {
    this.#seen.add(actor, seq, digest);
    this.#reached(position);
  }

  /**
   * Takes in what another one holds, as the record at `position`: of each key what was written last. Where nothing has been
   * written here that is not in there, it is all as it is there: what was deleted there so long ago that nobody remembers it is
   * deleted here, too.
   * @returns the keys that hold something else now; null where all that is in `other` is in here
   */
  merge(other: RegisterMap, position: number): string[] | null {
    if (this.covers(other)) return null;
    const isAll = other.covers(this);
    const changed: string[] = [];
    for (const [key, theirs] of other.#registers) {
      const mine = this.#registers.get(key);
      const order = mine === undefined ? 1 : compareStamps(theirs, mine);
      // Where records have an order of their own, stamps may be equal, or lie the other way round.
      const isNewer = isAll ? order !== 0 || theirs.json !== mine?.json : order > 0;
      if (!isNewer) continue;
      this.set(key, { ...theirs, position });
      changed.push(key);
    }
    for (const [key, mine] of isAll ? this.#registers : []) {
      if (mine.json === undefined || other.#registers.has(key)) continue;
      // When it was deleted nobody knows, but that was after it was written.
      this.set(key, { ...mine, json: undefined, logical: mine.logical + 1, position });
      changed.push(key);
    }
    this.#seen.merge(other.#seen);
    this.#reached(position);
    return changed;
  }

  viewOf(key: string): RegisterView | undefined {
    const held = this.#registers.get(key);
    return held && { key, json: held.json, timestamp: held.timestamp };
  }

  since(heads: readonly string[]): RegisterView[] | null {
    if (heads.length > 0 && sameHeads(heads, this.heads())) return [];
    const position = this.#positionAt(heads);
    if (position === undefined) return null;
    const changed: RegisterView[] = [];
    for (const [key, { json, timestamp, position: at }] of this.#registers) {
      if (at > position) changed.push({ key, json, timestamp });
    }
    return changed;
  }

  #positionAt([head, ...others]: readonly string[]): number | undefined {
    if (head === undefined) return 0;
    if (others.length > 0) return undefined;
    return this.#known.positionOf(head);
  }

  view(): Iterable<RegisterView> {
    return liveViews([...this.#registers]);
  }

  /** As `Strategy.snapshot`; deletions that `forgets` agrees to, and that no known heads are older than, are let go of. */
  snapshot(extra: unknown, forgets: (deletion: Register) => boolean): Iterable<Uint8Array> {
    const oldest = this.#known.oldestPosition();
    for (const [key, held] of this.#registers) {
      if (held.json !== undefined || held.position > oldest || !forgets(held)) continue;
      this.#registers.delete(key);
      this.size.forgot();
    }
    // Registers are never changed, only replaced: a shallow copy is the state as it is now.
    return encodeState({ seen: this.#seen.entries(), known: this.#known.entries(), extra }, [...this.#registers]);
  }

  /** As `Strategy.restore`; gives what the strategy had added, with the chunk that holds it. */
  restore(bytes: Uint8Array): { extra: unknown } | undefined {
    const chunk = chunkForm.parse(cbor.decode(bytes));
    if ('rows' in chunk) {
      for (const [key, held] of chunk.rows) this.set(key, held);
      return undefined;
    }
    for (const [head, position] of chunk.frontier.known) this.#known.add(head, position);
    this.#seen.restore(chunk.frontier.seen);
    return { extra: chunk.frontier.extra };
  }

  #reached(position: number): void {
    const [head] = this.#seen.heads();
    if (head !== undefined) this.#known.add(head, position);
  }
}

function* liveViews(registers: readonly [string, Register][]): Iterable<RegisterView> {
  for (const [key, { json, timestamp }] of registers) if (json !== undefined) yield { key, json, timestamp };
}

/** CBOR chunks: the frontier, then rows of [key, register]. */
function* encodeState(edge: z.infer<typeof frontier>, registers: readonly [string, Register][]) {
  yield cbor.encode({ frontier: edge });
  let rows: [string, Register][] = [];
  let characters = 0;
  for (const row of registers) {
    rows.push(row);
    characters += row[0].length + (row[1].json?.length ?? 0) + 64;
    if (characters < CHUNK_CHARACTERS) continue;
    yield cbor.encode({ rows });
    [rows, characters] = [[], 0];
  }
  if (rows.length > 0) yield cbor.encode({ rows });
}
