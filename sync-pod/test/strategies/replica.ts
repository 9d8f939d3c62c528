import type { Json, StrategyName } from '@etherply/protocol';
import fc from 'fast-check';
import { AutomergeStrategy } from '../../src/strategy/automerge/automerge-strategy.ts';
import { heavyWork } from '../../src/strategy/automerge/heavy-work.ts';
import { histories } from '../../src/strategy/histories.ts';
import type { HistoricRecord, Page } from '../../src/strategy/history.ts';
import { createStrategy } from '../../src/strategy/strategies.ts';
import {
  type Message,
  NEEDS_HISTORY,
  type Op,
  type Plan,
  type Received,
  type RegisterView,
  type Strategy,
  type StrategyRecord,
} from '../../src/strategy/strategy.ts';

export interface Write {
  readonly key: string;
  /** Undefined: a deletion. */
  readonly value: unknown;
  /** Unix microseconds. */
  readonly timestamp?: number | undefined;
}

/** A time at which tests begin, in Unix milliseconds. */
export const START_MS = 1_700_000_000_000;
export const TOMBSTONE_MS = 3_600_000;

/** Writes to few keys, so that they meet. */
export const writes: fc.Arbitrary<Write[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'ключ', '__proto__'),
    value: fc.option(fc.jsonValue({ maxDepth: 2, noUnicodeString: false }), { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

export function opOf({ key, value, timestamp }: Write): Op {
  const json = value === undefined ? undefined : JSON.stringify(value);
  return { key, json, value: json === undefined ? undefined : (JSON.parse(json) as Json), timestamp };
}

export function messageOf(list: readonly Write[], userId = 'alice', claims: Record<string, unknown> = {}): Message {
  return { ops: list.map(opOf), author: { userId, scopes: new Set(['read', 'write']), claims } };
}

/** A strategy as a pod keeps it: with the log of its records. */
export class Replica {
  readonly name: StrategyName;
  readonly actor: string;
  strategy: Strategy;
  /** What it wrote itself. */
  readonly own: StrategyRecord[] = [];
  packed: Uint8Array = new Uint8Array();
  tail: Uint8Array[] = [];
  position = 0;

  constructor(name: StrategyName, actor = '0a'.repeat(16)) {
    this.name = name;
    this.actor = actor;
    this.strategy = this.#empty();
  }

  async write(messages: readonly Message[], nowMs = START_MS): Promise<Plan> {
    const plan = await this.strategy.plan(messages, nowMs);
    this.position += 1;
    this.strategy.commit(
      plan,
      messages.flatMap(({ ops }) => ops),
      this.position,
    );
    this.own.push({ data: plan.data, timestamps: plan.timestamps.filter((timestamp) => timestamp !== null) });
    this.tail.push(plan.data);
    return plan;
  }

  /** Takes in a record of any replica; one that is in already is not logged again, as on a pod. */
  async receive(record: StrategyRecord): Promise<Received> {
    let received = await this.strategy.receive(record, this.position + 1);
    if (received === NEEDS_HISTORY) {
      this.strategy.complete(Buffer.concat([this.packed, ...this.tail]), this.position);
      received = await this.strategy.receive(record, this.position + 1);
    }
    if (received === NEEDS_HISTORY) throw new Error('it has the history');
    if (received === null) return null;
    this.position += 1;
    this.tail.push(record.data);
    return received;
  }

  /** Takes in all that another one has from its snapshot; what is folded is not part of the history here. */
  fold(other: Replica, nowMs = START_MS): Received {
    const folded = this.strategy.fold([...other.strategy.snapshot(nowMs)], this.position + 1);
    if (folded !== null) this.position += 1;
    return folded;
  }

  /** Lets go of the whole document, where it is an Automerge one. */
  dropDocument(): void {
    if (this.strategy instanceof AutomergeStrategy) this.strategy.dropDocument();
  }

  /** Goes on from a snapshot of itself, and packs its history. */
  async compact(nowMs = START_MS): Promise<void> {
    const chunks = this.strategy.snapshot(nowMs);
    this.strategy = this.#empty();
    for (const chunk of chunks) this.strategy.restore(chunk);
    this.packed = await histories[this.name].pack(this.#history());
    this.tail = [];
  }

  page(page: Partial<Page> = {}): HistoricRecord[] | null {
    return histories[this.name].page(this.#history(), { limit: 1000, before: undefined, ...page });
  }

  async stateAt(heads: readonly string[]): Promise<Map<string, string> | null> {
    const state = await histories[this.name].stateAt(this.#history(), heads);
    return state && new Map(state);
  }

  /** All records that its history has. */
  records(): Promise<StrategyRecord[]> {
    return histories[this.name].records(this.#history());
  }

  /** The bytes of its history as they are stored. */
  stored(): Uint8Array {
    return Buffer.concat([this.packed, ...this.tail]);
  }

  /** Every live key with its value's text and its time. */
  view(): Map<string, RegisterView> {
    return new Map([...this.strategy.view()].map((register) => [register.key, register]));
  }

  state(): Map<string, string> {
    return new Map([...this.strategy.view()].map(({ key, json }) => [key, json ?? 'missing']));
  }

  #history() {
    return { base: [], packed: this.packed, rest: Buffer.concat(this.tail) };
  }

  #empty(): Strategy {
    return createStrategy(this.name, { actor: this.actor, tombstoneMs: TOMBSTONE_MS, heavyWork });
  }
}
