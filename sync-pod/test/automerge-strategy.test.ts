import * as Automerge from '@automerge/automerge';
import type { Json } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AutomergeStrategy } from '../src/strategy/automerge/automerge-strategy.ts';
import type { Op, StrategyRecord } from '../src/strategy/strategy.ts';

const ACTORS = ['0a'.repeat(16), 'f0'.repeat(16)];

/** Two actors that write, and hear of each other's records late. */
const history = fc.array(
  fc.oneof(
    fc.record({
      actor: fc.nat(1),
      writes: fc.array(
        fc.record({
          key: fc.constantFrom('a', 'b', 'c', 'ключ'),
          value: fc.option(fc.jsonValue({ maxDepth: 3, noUnicodeString: false }), { nil: undefined, freq: 3 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    fc.constant({ hear: true }),
  ),
  { maxLength: 25 },
);

class Replica {
  readonly strategy: AutomergeStrategy;
  readonly log: StrategyRecord[] = [];
  position = 0;
  heard = 0;

  constructor(actor: string) {
    this.strategy = new AutomergeStrategy(actor);
  }

  write(writes: { key: string; value: unknown }[]): void {
    const ops: Op[] = writes.map(({ key, value }, i) => {
      const json = value === undefined ? undefined : JSON.stringify(value);
      return { key, json, value: json === undefined ? undefined : (JSON.parse(json) as Json), timestamp: i };
    });
    const plan = this.strategy.plan(ops, 1_700_000_000_000);
    this.position += 1;
    this.strategy.commit(plan, ops, this.position);
    const timestamps = ops.filter((_, i) => plan.effective[i]).map(({ timestamp }) => timestamp);
    this.log.push({ data: plan.data, timestamps });
  }

  hear(other: Replica): void {
    for (const record of other.log.slice(this.heard)) {
      this.position += 1;
      this.strategy.receive(record, this.position);
    }
    this.heard = other.log.length;
  }

  state(): Record<string, unknown> {
    return Object.fromEntries([...this.strategy.view()].map(({ key, json }) => [key, JSON.parse(json ?? '')]));
  }
}

function hearAll(a: Replica, b: Replica): void {
  a.hear(b);
  b.hear(a);
}

function loadedWithAutomerge(logs: readonly StrategyRecord[]): unknown {
  const [doc] = Automerge.applyChanges(
    Automerge.init<Record<string, unknown>>(),
    logs.map(({ data }) => data).filter((data) => data.length > 0),
  );
  return JSON.parse(JSON.stringify(Automerge.toJS(doc)));
}

describe('the automerge strategy', () => {
  test('gives the state that the real library gives, on any history of two concurrent actors', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const [a, b] = ACTORS.map((actor) => new Replica(actor)) as [Replica, Replica];
        for (const step of steps) {
          if ('writes' in step) (step.actor === 0 ? a : b).write(step.writes);
          else hearAll(a, b);
        }
        hearAll(a, b);
        expect(a.state()).toEqual(b.state());
        expect([...a.strategy.heads()]).toEqual([...b.strategy.heads()]);
        expect(a.state()).toEqual(loadedWithAutomerge([...a.log, ...b.log]));
      }),
      { numRuns: 300 },
    );
  });

  test('is the same after its log is read back, and a record that is read twice has no effect', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const [actor] = ACTORS as [string];
        const first = new Replica(actor);
        for (const step of steps) if ('writes' in step) first.write(step.writes);
        const second = new AutomergeStrategy(actor);
        for (const [i, record] of [...first.log, ...first.log].entries()) second.receive(record, i + 1);
        expect([...second.view()]).toEqual([...first.strategy.view()]);
        expect(second.heads()).toEqual(first.strategy.heads());
      }),
    );
  });

  test('since(heads) holds every key that changed after them', () => {
    fc.assert(
      fc.property(history, fc.nat(20), (steps, cut) => {
        const replica = new Replica(ACTORS[0] as string);
        const writes = steps.flatMap((step) => ('writes' in step ? [step.writes] : []));
        for (const some of writes.slice(0, cut)) replica.write(some);
        const [before, heads] = [replica.state(), replica.strategy.heads()];
        for (const some of writes.slice(cut)) replica.write(some);
        for (const { key, json } of replica.strategy.since(heads) ?? replica.strategy.view()) {
          if (json === undefined) delete before[key];
          else before[key] = JSON.parse(json);
        }
        expect(before).toEqual(replica.state());
      }),
    );
  });
});
