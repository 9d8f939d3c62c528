import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LwwStrategy } from '../../src/strategy/lww/lww-strategy.ts';
import type { StrategyRecord } from '../../src/strategy/strategy.ts';
import { messageOf, Replica, START_MS, TOMBSTONE_MS, type Write } from './replica.ts';

const START_US = START_MS * 1000;
const ACTORS = ['0a'.repeat(16), '5b'.repeat(16), 'f0'.repeat(16)];

/** Writes with clients' timestamps around the present, some equal. */
const write: fc.Arbitrary<Write> = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 3 }),
  timestamp: fc.option(
    fc.integer({ min: -3, max: 3 }).map((offset) => START_US + offset),
    { nil: undefined },
  ),
});
/** Who writes what, and whether all hear of everything before. */
const history = fc.array(
  fc.record({ actor: fc.nat(2), list: fc.array(write, { minLength: 1, maxLength: 3 }), meet: fc.boolean() }),
  { minLength: 1, maxLength: 12 },
);

/** The records that three pods make, of which they hear now and then. */
async function recordsOf(steps: readonly { actor: number; list: Write[]; meet: boolean }[]): Promise<StrategyRecord[]> {
  const pods = ACTORS.map((actor) => new Replica('lww', actor));
  for (const { actor, list, meet } of steps) {
    if (meet)
      for (const pod of pods) for (const other of pods) for (const record of other.own) await pod.receive(record);
    await pods[actor]?.write([messageOf(list)]);
  }
  return pods.flatMap(({ own }) => own).filter(({ data }) => data.length > 0);
}

async function afterAll(records: readonly StrategyRecord[]): Promise<Replica> {
  const replica = new Replica('lww', 'reader');
  for (const record of records) await replica.receive(record);
  return replica;
}

describe('records of last write wins', () => {
  test('give the same state and heads in every order, however often they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        history.chain((steps) => fc.tuple(fc.constant(steps), fc.array(fc.nat(), { minLength: 30, maxLength: 30 }))),
        async ([steps, order]) => {
          const records = await recordsOf(steps);
          const shuffled = records
            .map((record, i) => ({ record, rank: order[i] ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ record }) => record);
          const [first, second] = [await afterAll(records), await afterAll([...shuffled, ...records])];
          expect(second.state()).toEqual(first.state());
          expect(second.strategy.heads()).toEqual(first.strategy.heads());
        },
      ),
      { numRuns: 300 },
    );
  });

  test('can be taken in in any partition: what two replicas have in parts, a third has as a whole', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), async (steps, side) => {
        const records = await recordsOf(steps);
        const left = records.filter((_, i) => side[i]);
        const right = records.filter((_, i) => !side[i]);
        const whole = await afterAll(records);
        const merged = await afterAll([...right, ...left, ...right]);
        expect(merged.state()).toEqual(whole.state());
        expect(merged.strategy.heads()).toEqual(whole.strategy.heads());
      }),
    );
  });

  test('survive a snapshot between any two of them', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.nat(12), async (steps, cut) => {
        const records = await recordsOf(steps);
        const replica = await afterAll(records.slice(0, cut));
        await replica.compact();
        for (const record of records) await replica.receive(record);
        const whole = await afterAll(records);
        expect(replica.state()).toEqual(whole.state());
        expect(replica.strategy.heads()).toEqual(whole.strategy.heads());
      }),
    );
  });
});

describe('a write', () => {
  const alice = messageOf;

  test('loses to a later one, in whatever order they come, and is told so', async () => {
    const replica = new Replica('lww');
    await replica.write([alice([{ key: 'k', value: 'late', timestamp: START_US + 10 }])]);
    const plan = await replica.write([alice([{ key: 'k', value: 'early', timestamp: START_US }])]);
    expect(plan.timestamps).toEqual([null]);
    expect(replica.state()).toEqual(new Map([['k', '"late"']]));
  });

  test('without a timestamp comes after all that the server has seen', async () => {
    const replica = new Replica('lww');
    await replica.write([alice([{ key: 'other', value: 1, timestamp: START_US + 5_000_000 }])]);
    const plan = await replica.write([alice([{ key: 'k', value: 1, timestamp: undefined }])]);
    expect(plan.timestamps).toEqual([START_US + 5_000_000]);
  });

  test('with a clock far ahead counts as 60 s ahead', async () => {
    const replica = new Replica('lww');
    const plan = await replica.write([alice([{ key: 'k', value: 1, timestamp: START_US * 2 }])]);
    expect(plan.timestamps).toEqual([START_US + 60_000_000]);
    const next = await replica.write([alice([{ key: 'k', value: 2 }])], START_MS + 61_000);
    expect(next.timestamps).toEqual([START_US + 61_000_000]);
  });

  test('at the same time as the one before it, on the same server, wins: it came later', async () => {
    const replica = new Replica('lww');
    const same = { key: 'k', timestamp: START_US };
    await replica.write([alice([{ ...same, value: 1 }]), alice([{ ...same, value: 2 }])]);
    await replica.write([alice([{ ...same, value: 3 }])]);
    expect(replica.state()).toEqual(new Map([['k', '3']]));
  });
});

describe('a deletion', () => {
  test('holds against older writes, also after a snapshot', async () => {
    const replica = new Replica('lww');
    await replica.write([messageOf([{ key: 'k', value: 1, timestamp: START_US }])]);
    await replica.write([messageOf([{ key: 'k', value: undefined, timestamp: START_US + 2 }])]);
    await replica.compact();
    await replica.write([messageOf([{ key: 'k', value: 'old', timestamp: START_US + 1 }])]);
    expect(replica.state()).toEqual(new Map());
  });

  test('of a key that never was makes nothing', async () => {
    const replica = new Replica('lww');
    const plan = await replica.write([messageOf([{ key: 'k', value: undefined }])]);
    expect([plan.data.length, replica.strategy.heads()]).toEqual([0, []]);
  });

  test('is forgotten after its time, once no heads are older; a forgotten one makes no difference to any write', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -TOMBSTONE_MS * 2, max: 0 }), { minLength: 1, maxLength: 6 }),
        async (ages) => {
          const replicas = [true, false].map((collects) => ({ collects, replica: new Replica('lww') }));
          const later = START_MS + 2 * TOMBSTONE_MS;
          for (const { collects, replica } of replicas) {
            await replica.write([messageOf([{ key: 'k', value: 1, timestamp: START_US }])]);
            await replica.write([messageOf([{ key: 'k', value: undefined, timestamp: START_US + 1 }])]);
            // Enough later heads that nobody can come back with older ones.
            for (let n = 0; n < 2100; n += 1) await replica.write([messageOf([{ key: 'n', value: n }])], START_MS + n);
            if (collects) await replica.compact(later);
            expect(replica.strategy.get('k') === undefined).toBe(collects);
            for (const age of ages) {
              const list = [{ key: 'k', value: age, timestamp: (later + age) * 1000 }];
              await replica.write([messageOf(list)], later);
            }
          }
          const [first, second] = replicas.map(({ replica }) => replica.state());
          expect(first).toEqual(second);
        },
      ),
      { numRuns: 5 },
    );
  });
});

test('a record of an unknown version is refused', () => {
  const strategy = new LwwStrategy('reader', TOMBSTONE_MS);
  expect(() => strategy.receive({ data: Uint8Array.from([0x81, 0x09]), timestamps: [] }, 1)).toThrow();
});
