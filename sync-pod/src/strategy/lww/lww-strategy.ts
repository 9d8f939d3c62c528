import type { WorkspaceSettings } from '@etherply/protocol';
import { z } from 'zod';
import type { RecordedWrite } from '../registers/record.ts';
import type { Register } from '../registers/register-map.ts';
import { type AppliedRecord, type RegisterPlan, RegisterStrategy } from '../registers/register-strategy.ts';
import { compareStamps } from '../registers/stamp.ts';
import { type Message, NO_REFUSALS, type Op, refuseRules } from '../strategy.ts';
import { HybridClock } from './hybrid-clock.ts';

const extraForm = z.object({ latest: z.number() });

/** Last write wins: of all writes to a key the one with the greatest stamp stays, in whatever order they come. */
export class LwwStrategy extends RegisterStrategy {
  readonly name = 'lww';
  readonly #clock: HybridClock;

  /**
   * @param actor what no other process writes with; breaks ties
   * @param tombstoneMs for how long a deletion is remembered at least
   */
  constructor(actor: string, tombstoneMs: number) {
    super(actor);
    this.#clock = new HybridClock(tombstoneMs);
  }

  plan(messages: readonly Message[], nowMs: number): RegisterPlan {
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
    return this.planOf(writes, timestamps, NO_REFUSALS, nowMs);
  }

  fold(chunks: readonly Uint8Array[], position: number): string[] | null {
    const other = new LwwStrategy('', 0);
    for (const chunk of chunks) other.restore(chunk);
    this.#clock.saw(other.#clock.latest);
    return this.registers.merge(other.registers, position);
  }

  snapshot(nowMs: number): Iterable<Uint8Array> {
    const horizon = this.#clock.horizon(nowMs);
    const extra = { latest: this.#clock.latest };
    return this.registers.snapshot(extra, ({ timestamp }) => timestamp < horizon);
  }

  restore(chunk: Uint8Array): void {
    const added = this.registers.restore(chunk);
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
    const held = staged ?? this.registers.get(key);
    if (held === undefined && json === undefined) return undefined;
    const time = this.#clock.timeOf(timestamp, nowMs);
    if (held !== undefined && held.timestamp > time) return undefined;
    // At the same time as what the key holds, it came after it.
    const logical = held?.timestamp === time ? held.logical + 1 : 0;
    return { key, json, timestamp: time, logical, user };
  }

  protected apply(record: AppliedRecord, digest: Uint8Array, position: number): string[] {
    const written: string[] = [];
    for (const { key, json, timestamp, logical } of record.writes) {
      this.#clock.saw(timestamp);
      const next: Register = { json, timestamp, logical, actor: record.actor, position };
      const held = this.registers.get(key);
      if (held !== undefined && compareStamps(next, held) <= 0) continue;
      this.registers.set(key, next);
      written.push(key);
    }
    this.registers.advance(record, digest, position);
    return written;
  }
}
