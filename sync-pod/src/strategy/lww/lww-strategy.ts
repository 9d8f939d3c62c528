import type { WorkspaceSettings } from '@etherply/protocol';
import { z } from 'zod';
import { decodeRecord, digestOf, encodeRecord, type RecordedWrite, type RegisterRecord } from '../registers/record.ts';
import { type Register, RegisterMap } from '../registers/register-map.ts';
import { compareStamps } from '../registers/stamp.ts';
import {
  type Message,
  NO_REFUSALS,
  type Op,
  type Plan,
  type RegisterView,
  refuseRules,
  type Strategy,
  type StrategyRecord,
} from '../strategy.ts';
import { HybridClock } from './hybrid-clock.ts';

interface LwwPlan extends Plan {
  readonly digest: Uint8Array;
  readonly seq: number;
  readonly writes: readonly RecordedWrite[];
}

const NO_RECORD = new Uint8Array(0);
const extraForm = z.object({ latest: z.number() });

/** Last write wins: of all writes to a key the one with the greatest stamp stays, in whatever order they come. */
export class LwwStrategy implements Strategy<LwwPlan> {
  readonly name = 'lww';
  readonly #actor: string;
  readonly #clock: HybridClock;
  readonly #registers = new RegisterMap();

  /**
   * @param actor what no other process writes with; breaks ties
   * @param tombstoneMs for how long a deletion is remembered at least
   */
  constructor(actor: string, tombstoneMs: number) {
    this.#actor = actor;
    this.#clock = new HybridClock(tombstoneMs);
  }

  get size() {
    return this.#registers.size;
  }

  plan(messages: readonly Message[], nowMs: number): LwwPlan {
    const staged = new Map<string, RecordedWrite>();
    const writes: RecordedWrite[] = [];
    const timestamps: (number | null)[] = [];
    for (const { ops, author } of messages) {
      for (const { key, json, timestamp } of ops) {
        const write = this.#stamp({ key, json, timestamp, user: author.userId }, staged.get(key), nowMs);
        timestamps.push(write?.timestamp ?? null);
        if (write === undefined) continue;
        writes.push(write);
        staged.set(key, write);
      }
    }
    const seq = this.#registers.nextSeq(this.#actor);
    const data = writes.length === 0 ? NO_RECORD : encodeRecord({ actor: this.#actor, seq, time: nowMs, writes });
    const digest = digestOf(data);
    const heads = data.length === 0 ? this.heads() : [this.#registers.headWith(digest)];
    return { data, digest, timestamps, heads, refusals: NO_REFUSALS, seq, writes };
  }

  commit({ data, digest, seq, writes }: LwwPlan, _ops: readonly Op[], position: number): void {
    if (data.length > 0) this.#apply({ actor: this.#actor, seq, writes }, digest, position);
  }

  receive({ data }: StrategyRecord, position: number): string[] | null {
    if (data.length === 0) return [];
    const record = decodeRecord(data);
    return this.#registers.has(record) ? null : this.#apply(record, digestOf(data), position);
  }

  complete(): void {
    throw new Error('each of these records says all that it does');
  }

  settle(): readonly string[] {
    return [];
  }

  fold(chunks: readonly Uint8Array[], position: number): string[] | null {
    const other = new LwwStrategy('', 0);
    for (const chunk of chunks) other.restore(chunk);
    this.#clock.saw(other.#clock.latest);
    return this.#registers.merge(other.#registers, position);
  }

  since(heads: readonly string[]): RegisterView[] | null {
    return this.#registers.since(heads);
  }

  get(key: string): RegisterView | undefined {
    return this.#registers.viewOf(key);
  }

  view(): Iterable<RegisterView> {
    return this.#registers.view();
  }

  heads(): readonly string[] {
    return this.#registers.heads();
  }

  snapshot(nowMs: number): Iterable<Uint8Array> {
    const horizon = this.#clock.horizon(nowMs);
    const extra = { latest: this.#clock.latest };
    return this.#registers.snapshot(extra, ({ timestamp }) => timestamp < horizon);
  }

  restore(chunk: Uint8Array): void {
    const added = this.#registers.restore(chunk);
    if (added !== undefined) this.#clock.saw(extraForm.parse(added.extra).latest);
  }

  configure(settings: WorkspaceSettings): void {
    refuseRules(settings);
  }

  /** The write as it wins over what the key holds; undefined where it does not, or deletes what never was. */
  #stamp(
    { key, json, timestamp, user }: Pick<Op, 'key' | 'json' | 'timestamp'> & { user: string },
    staged: RecordedWrite | undefined,
    nowMs: number,
  ): RecordedWrite | undefined {
    const held = staged ?? this.#registers.get(key);
    if (held === undefined && json === undefined) return undefined;
    const time = this.#clock.timeOf(timestamp, nowMs);
    if (held !== undefined && held.timestamp > time) return undefined;
    // At the same time as what the key holds, it came after it.
    const logical = held?.timestamp === time ? held.logical + 1 : 0;
    return { key, json, timestamp: time, logical, user };
  }

  #apply(record: Pick<RegisterRecord, 'actor' | 'seq' | 'writes'>, digest: Uint8Array, position: number): string[] {
    const written: string[] = [];
    for (const { key, json, timestamp, logical } of record.writes) {
      this.#clock.saw(timestamp);
      const next: Register = { json, timestamp, logical, actor: record.actor, position };
      const held = this.#registers.get(key);
      if (held !== undefined && compareStamps(next, held) <= 0) continue;
      this.#registers.set(key, next);
      written.push(key);
    }
    this.#registers.advance(record, digest, position);
    return written;
  }
}
