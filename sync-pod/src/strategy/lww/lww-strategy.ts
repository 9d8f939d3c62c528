import type { WorkspaceSettings } from '@etherply/protocol';
import { z } from 'zod';
import { decodeRecord, encodeRecord, type RecordedWrite } from '../registers/record.ts';
import { type Register, RegisterMap } from '../registers/register-map.ts';
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
import { compareStamps, HybridClock } from './hybrid-clock.ts';
import { SeenRecords } from './seen-records.ts';

interface LwwPlan extends Plan {
  readonly seq: number;
  readonly writes: readonly RecordedWrite[];
}

const NO_RECORD = new Uint8Array(0);
const extraForm = z.object({
  latest: z.number(),
  seen: z.array(z.tuple([z.string(), z.int(), z.array(z.int())])),
});

/** Last write wins: of all writes to a key the one with the greatest stamp stays, in whatever order they come. */
export class LwwStrategy implements Strategy<LwwPlan> {
  readonly name = 'lww';
  readonly #actor: string;
  readonly #clock: HybridClock;
  readonly #registers = new RegisterMap();
  readonly #seen = new SeenRecords();

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
    const seq = this.#seen.lastInOrder(this.#actor) + 1;
    const data = writes.length === 0 ? NO_RECORD : encodeRecord({ actor: this.#actor, seq, time: nowMs, writes });
    const heads = data.length === 0 ? this.heads() : [this.#registers.headAfter(data)];
    return { data, timestamps, heads, refusals: NO_REFUSALS, seq, writes };
  }

  commit({ data, heads, seq, writes }: LwwPlan, _ops: readonly Op[], position: number): void {
    const [head] = heads;
    if (data.length === 0 || head === undefined) return;
    this.#apply(this.#actor, seq, writes, head, position);
  }

  receive({ data }: StrategyRecord, position: number): void {
    if (data.length === 0) return;
    const { actor, seq, writes } = decodeRecord(data);
    if (this.#seen.has(actor, seq)) return;
    this.#apply(actor, seq, writes, this.#registers.headAfter(data), position);
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
    const extra = { latest: this.#clock.latest, seen: this.#seen.entries() };
    return this.#registers.snapshot(extra, ({ timestamp }) => timestamp < horizon);
  }

  restore(chunk: Uint8Array): void {
    const added = this.#registers.restore(chunk);
    if (added === undefined) return;
    const { latest, seen } = extraForm.parse(added.extra);
    this.#clock.saw(latest);
    this.#seen.restore(seen);
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

  #apply(actor: string, seq: number, writes: readonly RecordedWrite[], head: string, position: number): void {
    for (const { key, json, timestamp, logical } of writes) {
      this.#clock.saw(timestamp);
      const next: Register = { json, timestamp, logical, actor, position };
      const held = this.#registers.get(key);
      if (held === undefined || compareStamps(next, held) > 0) this.#registers.set(key, next);
    }
    this.#seen.add(actor, seq);
    this.#registers.advance(head, position);
  }
}
