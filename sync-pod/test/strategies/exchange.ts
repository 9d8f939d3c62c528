import type { StrategyName } from '@etherply/protocol';
import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { StrategyRecord } from '../../src/strategy/strategy.ts';
import { libraryJson } from './library-json.ts';
import { messageOf, Replica, START_MS, type Write } from './replica.ts';

const ACTORS = ['0a'.repeat(16), '5b'.repeat(16), 'f0'.repeat(16)];
const MAX_STEPS = 40;

/** What happens to the replica `at`. */
export type Step =
  /** It writes; its clock may be behind that of others, or be set back. */
  | { readonly kind: 'write'; readonly at: number; readonly list: readonly Write[]; readonly nowMs: number }
  /** It gets a record that somebody has made: any, also its own, also again. */
  | { readonly kind: 'deliver'; readonly at: number; readonly which: number }
  /** It goes on from a snapshot of itself, and packs its history. */
  | { readonly kind: 'compact'; readonly at: number }
  /** It takes in the snapshot of another. */
  | { readonly kind: 'fold'; readonly at: number; readonly from: number };

const at = fc.nat(ACTORS.length - 1);
/** Writes to few keys, many of them deletions, with clients' timestamps of which some are equal. */
const list: fc.Arbitrary<Write[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'ключ'),
    value: fc.option(libraryJson({ maxDepth: 2 }), { nil: undefined, freq: 3 }),
    timestamp: fc.option(
      fc.integer({ min: -3, max: 3 }).map((offset) => START_MS * 1000 + offset),
      { nil: undefined },
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
const nowMs = fc.integer({ min: START_MS - 2, max: START_MS + 2 });
const write: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('write'), at, list, nowMs });
const deliver: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('deliver'), at, which: fc.nat(MAX_STEPS) });
const compact: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('compact'), at });
const fold: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('fold'), at, from: at });

function stepsOf(...kinds: { weight: number; arbitrary: fc.Arbitrary<Step> }[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...kinds), { maxLength: MAX_STEPS, size: 'max' });
}

/** Replicas that write, get records in any order, and are compacted. */
export const deliveries = stepsOf(
  { weight: 4, arbitrary: write },
  { weight: 8, arbitrary: deliver },
  { weight: 1, arbitrary: compact },
);
/** As `deliveries`, for replicas that also take in each other's snapshots. */
export const folds = stepsOf(
  { weight: 4, arbitrary: write },
  { weight: 6, arbitrary: deliver },
  { weight: 1, arbitrary: compact },
  { weight: 3, arbitrary: fold },
);
/** An order in which the records of up to so many steps come. */
export const order: fc.Arbitrary<number[]> = fc.shuffledSubarray([...Array(MAX_STEPS).keys()], {
  minLength: MAX_STEPS,
});

/**
 * Replicas of one workspace, and which records each of them has. Those of `server-auth` come in one order: a replica has all
 * before it writes, and gets none before those that precede it.
 */
export class Exchange {
  readonly replicas: readonly [Replica, Replica, Replica];
  /** All that anybody made, oldest first. */
  readonly records: StrategyRecord[] = [];
  readonly #name: StrategyName;
  readonly #had: Map<Replica, Set<StrategyRecord>>;

  constructor(name: StrategyName) {
    this.#name = name;
    this.replicas = [new Replica(name, ACTORS[0]), new Replica(name, ACTORS[1]), new Replica(name, ACTORS[2])];
    this.#had = new Map(this.replicas.map((replica) => [replica, new Set()]));
  }

  /** What this replica has got or made, also what it holds back. */
  had(replica: Replica): ReadonlySet<StrategyRecord> {
    return this.#of(replica);
  }

  /** @param after is called with the replica that a step has changed */
  async play(steps: readonly Step[], after: (replica: Replica) => void = () => {}): Promise<void> {
    for (const step of steps) {
      const replica = this.#at(step.at);
      if (step.kind === 'write') await this.write(replica, step.list, step.nowMs);
      else if (step.kind === 'deliver') await this.#deliverOne(replica, step.which);
      else if (step.kind === 'compact') await replica.compact();
      else this.fold(replica, this.#at(step.from));
      after(replica);
    }
  }

  async write(replica: Replica, list: readonly Write[], nowMs = START_MS): Promise<void> {
    const missing = this.records.filter((record) => !this.#of(replica).has(record));
    if (this.#isOrdered) for (const record of missing) await this.deliver(replica, record);
    const { data, heads } = await replica.write([messageOf(list)], nowMs);
    expect(replica.strategy.heads()).toEqual(heads);
    const record = replica.own.at(-1);
    if (data.length === 0 || record === undefined) return;
    this.records.push(record);
    this.#of(replica).add(record);
  }

  /** A record has an effect, or is held back, where it comes for the first time, and only there. */
  async deliver(replica: Replica, record: StrategyRecord): Promise<void> {
    const had = this.#of(replica);
    expect((await replica.receive(record)) === null).toBe(had.has(record));
    had.add(record);
  }

  /** A snapshot has an effect where something is in it that is not here, and only there. */
  fold(replica: Replica, other: Replica): void {
    const had = this.#of(replica);
    expect(replica.fold(other) === null).toBe(isSubset(this.#of(other), had));
    for (const record of this.#of(other)) had.add(record);
  }

  /** Every replica gets every record, also those that it has. */
  async deliverAll(ranks: readonly number[]): Promise<void> {
    const records = this.#isOrdered ? this.records : ranks.flatMap((i) => this.records[i] ?? []);
    for (const replica of this.replicas) for (const record of records) await this.deliver(replica, record);
  }

  /** One that got all records one by one, as they were made. */
  async witness(): Promise<Replica> {
    const witness = new Replica(this.#name, 'ee'.repeat(16));
    for (const record of this.records) await witness.receive(record);
    return witness;
  }

  get #isOrdered(): boolean {
    return this.#name === 'server-auth';
  }

  async #deliverOne(replica: Replica, which: number): Promise<void> {
    const had = this.#of(replica);
    const next = this.records.find((record) => !had.has(record));
    const record = this.#isOrdered ? next : this.records[which % this.records.length];
    if (record !== undefined) await this.deliver(replica, record);
  }

  #at(index: number): Replica {
    const replica = this.replicas[index];
    if (replica === undefined) throw new Error(`there is no replica ${index}`);
    return replica;
  }

  #of(replica: Replica): Set<StrategyRecord> {
    const had = this.#had.get(replica);
    if (had === undefined) throw new Error('this replica is not of this exchange');
    return had;
  }
}

export function isSubset<T>(part: ReadonlySet<T>, whole: ReadonlySet<T>): boolean {
  return [...part].every((one) => whole.has(one));
}
