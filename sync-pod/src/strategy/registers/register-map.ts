import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { KnownHeads } from '../known-heads.ts';
import { StateSize } from '../state-size.ts';
import type { RegisterView } from '../strategy.ts';
import { headAfter } from './record.ts';

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
  head: z.string().optional(),
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
  /** One head, or none. */
  #heads: readonly string[] = [];

  get(key: string): Register | undefined {
    return this.#registers.get(key);
  }

  set(key: string, next: Register): void {
    const held = this.#registers.get(key);
    this.size.changed(key, held?.json, next.json, held !== undefined);
    this.#registers.set(key, next);
  }

  heads(): readonly string[] {
    return this.#heads;
  }

  /** The head that there would be after a record with this data. */
  headAfter(data: Uint8Array): string {
    return headAfter(this.#heads[0], data);
  }

  /** `head` stands for everything up to `position`. */
  advance(head: string, position: number): void {
    this.#heads = [head];
    this.#known.add(head, position);
  }

  viewOf(key: string): RegisterView | undefined {
    const held = this.#registers.get(key);
    return held && { key, json: held.json, timestamp: held.timestamp };
  }

  since(heads: readonly string[]): RegisterView[] | null {
    if (heads.length > 0 && heads[0] === this.#heads[0]) return heads.length === 1 ? [] : null;
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
    return encodeState({ head: this.#heads[0], known: this.#known.entries(), extra }, [...this.#registers]);
  }

  /** As `Strategy.restore`; gives what the strategy had added, with the chunk that holds it. */
  restore(bytes: Uint8Array): { extra: unknown } | undefined {
    const chunk = chunkForm.parse(cbor.decode(bytes));
    if ('rows' in chunk) {
      for (const [key, held] of chunk.rows) this.set(key, held);
      return undefined;
    }
    for (const [head, position] of chunk.frontier.known) this.#known.add(head, position);
    const { head } = chunk.frontier;
    this.#heads = head === undefined ? [] : [head];
    return { extra: chunk.frontier.extra };
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
