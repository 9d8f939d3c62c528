import * as Automerge from '@automerge/automerge';
import type { Json } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { automergeHistory } from '../../src/strategy/automerge/automerge-history.ts';
import { AutomergeStrategy } from '../../src/strategy/automerge/automerge-strategy.ts';
import { heavyWork } from '../../src/strategy/automerge/heavy-work.ts';
import type { Op, StrategyRecord } from '../../src/strategy/strategy.ts';
import { libraryJson } from './library-json.ts';

type Step = { actor: number; writes: { key: string; value: unknown }[] } | { hear: boolean } | { compact: number };

/** Two actors that write, hear of each other's records late, and go on from snapshots of themselves. */
const history = fc.array(
  fc.oneof(
    fc.record({
      actor: fc.nat(1),
      writes: fc.array(
        fc.record({
          key: fc.constantFrom('a', 'b', 'c', 'ключ'),
          value: fc.option(libraryJson({ maxDepth: 3, noUnicodeString: false }), { nil: undefined, freq: 3 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    fc.constant({ hear: true }),
    fc.record({ compact: fc.nat(1) }),
  ),
  { maxLength: 25 },
);

class Replica {
  readonly actor: string;
  strategy: AutomergeStrategy;
  readonly log: StrategyRecord[] = [];
  /** Everything that this replica has, its own and the other's, as far as it is not packed. */
  tail: Uint8Array[] = [];
  packed: Uint8Array = new Uint8Array();
  position = 0;
  heard = 0;

  constructor(actor: string) {
    this.actor = actor;
    this.strategy = new AutomergeStrategy(actor, heavyWork);
  }

  async write(writes: { key: string; value: unknown }[]): Promise<void> {
    const ops: Op[] = writes.map(({ key, value }, i) => {
      const json = value === undefined ? undefined : JSON.stringify(value);
      return { key, json, value: json === undefined ? undefined : (JSON.parse(json) as Json), timestamp: i };
    });
    const author = { userId: this.actor, scopes: new Set<string>(), claims: {} };
    const plan = await this.strategy.plan([{ ops, author }], 1_700_000_000_000);
    this.position += 1;
    this.strategy.commit(plan, ops, this.position);
    const timestamps = plan.timestamps.filter((timestamp) => timestamp !== null);
    this.log.push({ data: plan.data, timestamps });
    this.tail.push(plan.data);
  }

  async hear(other: Replica): Promise<void> {
    for (const record of other.log.slice(this.heard)) {
      this.position += 1;
      await this.strategy.receive(record, this.position);
      this.tail.push(record.data);
    }
    this.heard = other.log.length;
  }

  /** Goes on from a snapshot of itself. */
  async compact(): Promise<void> {
    const chunks = this.strategy.snapshot();
    const restored = new AutomergeStrategy(this.actor, heavyWork);
    for (const chunk of chunks) restored.restore(chunk);
    this.packed = await automergeHistory.pack({ base: [], packed: this.packed, rest: Buffer.concat(this.tail) });
    this.tail = [];
    this.strategy = restored;
  }

  state(): Record<string, unknown> {
    return Object.fromEntries([...this.strategy.view()].map(({ key, json }) => [key, JSON.parse(json ?? '')]));
  }

  /** The state of what this replica has stored, as the real library loads it. */
  loadedWithAutomerge(): unknown {
    const stored = Buffer.concat([this.packed, ...this.tail]);
    const doc = stored.length === 0 ? Automerge.init() : Automerge.load(stored);
    return JSON.parse(JSON.stringify(Automerge.toJS(doc)));
  }
}

function replicas(): [Replica, Replica] {
  return [new Replica('0a'.repeat(16)), new Replica('f0'.repeat(16))];
}

async function play(steps: readonly Step[], a: Replica, b: Replica): Promise<void> {
  for (const step of steps) {
    if ('writes' in step) await (step.actor === 0 ? a : b).write(step.writes);
    else if ('compact' in step) await (step.compact === 0 ? a : b).compact();
    else await hearAll(a, b);
  }
}

async function hearAll(a: Replica, b: Replica): Promise<void> {
  await a.hear(b);
  await b.hear(a);
}

describe('the automerge strategy', () => {
  test('gives the state that the real library gives, on any history of two concurrent actors, compacted at any time', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const [a, b] = replicas();
        await play(steps, a, b);
        await hearAll(a, b);
        expect(a.state()).toEqual(b.state());
        expect([...a.strategy.heads()]).toEqual([...b.strategy.heads()]);
        expect(a.state()).toEqual(a.loadedWithAutomerge());
        expect(a.state()).toEqual(b.loadedWithAutomerge());
      }),
      { numRuns: 300 },
    );
  });

  test('is the same after its log is read back, and a record that is read twice has no effect', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const [first] = replicas();
        for (const step of steps) if ('writes' in step) await first.write(step.writes);
        const second = new AutomergeStrategy(first.actor, heavyWork);
        for (const [i, record] of [...first.log, ...first.log].entries()) await second.receive(record, i + 1);
        expect([...second.view()]).toEqual([...first.strategy.view()]);
        expect(second.heads()).toEqual(first.strategy.heads());
      }),
    );
  });

  test('since(heads) holds every key that changed after them', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(20), async (steps, cut) => {
        const [replica, other] = replicas();
        await play(steps.slice(0, cut), replica, other);
        const [before, heads] = [replica.state(), replica.strategy.heads()];
        await play(steps.slice(cut), replica, other);
        for (const { key, json } of replica.strategy.since(heads) ?? replica.strategy.view()) {
          if (json === undefined) delete before[key];
          else before[key] = JSON.parse(json);
        }
        expect(before).toEqual(replica.state());
      }),
    );
  });

  test('writes and reads a value with more parts than the event loop should wait for', async () => {
    const [replica] = replicas();
    const value = Array.from({ length: 5000 }, (_, i) => ({ i, text: `item ${i}` }));
    await replica.write([{ key: 'large', value }]);
    expect(replica.state()).toEqual({ large: value });
    expect(replica.loadedWithAutomerge()).toEqual({ large: value });
    const second = new AutomergeStrategy(replica.actor, heavyWork);
    for (const record of replica.log) await second.receive(record, 1);
    expect([...second.view()]).toEqual([...replica.strategy.view()]);
  });
});
