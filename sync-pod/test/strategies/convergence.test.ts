import * as Automerge from '@automerge/automerge';
import { type StrategyName, strategyName } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeStateChunk } from '../../src/strategy/automerge/state-chunks.ts';
import type { StrategyRecord } from '../../src/strategy/strategy.ts';
import { deliveries, Exchange, folds, isSubset, order } from './exchange.ts';
import { messageOf, Replica, START_MS, TOMBSTONE_MS } from './replica.ts';

// What replicas come to that get the same records, in whatever order and however often.

function expectSame(replica: Replica, other: Replica): void {
  expect(replica.view()).toEqual(other.view());
  expect(replica.strategy.heads()).toEqual(other.strategy.heads());
}

/** What somebody has who was at `heads` with this state, and is told what changed since; undefined where nobody can tell. */
function ledOn(replica: Replica, heads: readonly string[], state: ReadonlyMap<string, string>) {
  const after = new Map(state);
  const changed = replica.strategy.since(heads);
  if (changed === null) return undefined;
  for (const { key, json } of changed) {
    if (json === undefined) after.delete(key);
    else after.set(key, json);
  }
  return after;
}

describe('automerge replicas', () => {
  test('come to the state and heads of the real library, in whatever order changes come', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, order, async (steps, ranks) => {
        const exchange = new Exchange('automerge');
        await exchange.play(steps);
        await exchange.deliverAll(ranks);
        const witness = await exchange.witness();
        for (const replica of exchange.replicas) {
          expectSame(replica, witness);
          const stored = replica.stored();
          const document = stored.length === 0 ? Automerge.init() : Automerge.load(stored);
          expect(Automerge.getHeads(document).toSorted()).toEqual(replica.strategy.heads());
          const values = [...replica.state()].map(([key, json]) => [key, JSON.parse(json)]);
          expect(Object.fromEntries(values)).toEqual(JSON.parse(JSON.stringify(Automerge.toJS(document))));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('keep nothing for later once everything has come', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, order, async (steps, ranks) => {
        const exchange = new Exchange('automerge');
        await exchange.play(steps);
        await exchange.deliverAll(ranks);
        for (const { strategy } of exchange.replicas) {
          const [first = new Uint8Array()] = strategy.snapshot(START_MS);
          expect(decodeStateChunk(first)).toMatchObject({ frontier: { gone: [], missing: [] } });
        }
      }),
      { numRuns: 50 },
    );
  });

  test('that lack what a change depends on do not say that they have it', async () => {
    const { exchange, whole, part, missing } = await withMissingChange();
    expect(whole.strategy.since(part.strategy.heads())).toBeNull();
    await part.compact();
    await exchange.write(part, [{ key: 'c', value: 1 }]);
    for (const record of part.own) await exchange.deliver(whole, record);
    expect(whole.strategy.since(part.strategy.heads())).toBeNull();
    await exchange.deliver(part, missing);
    expectSame(part, whole);
  });

  test('do not wait forever for what a change depends on', async () => {
    const { exchange, part } = await withMissingChange();
    const isNamedByItsChange = () => part.strategy.heads()[0] === part.page({ limit: 1 })?.[0]?.hash;
    await exchange.write(part, [{ key: 'c', value: 1 }]);
    expect(isNamedByItsChange()).toBe(false);
    for (let n = 0; n < 4096; n += 1) await exchange.write(part, [{ key: 'c', value: n }]);
    await part.compact();
    await exchange.write(part, [{ key: 'c', value: 2 }]);
    expect(isNamedByItsChange()).toBe(true);
  });

  test('have the same heads though all of one came before what it depends on of another', async () => {
    const exchange = new Exchange('automerge');
    const [a, b, c] = exchange.replicas;
    for (let n = 0; n < 1500; n += 1) {
      for (const [writer, reader] of [[a, b] as const, [b, a] as const]) {
        await exchange.write(writer, [{ key: 'n', value: n }]);
        for (const record of writer.own.slice(-1)) await exchange.deliver(reader, record);
      }
    }
    for (const record of [...a.own, ...b.own]) await exchange.deliver(c, record);
    expectSame(c, a);
  });
});

/** Two replicas have a change that depends on another's; only one of them has that. */
async function withMissingChange() {
  const exchange = new Exchange('automerge');
  const [whole, other, part] = exchange.replicas;
  await exchange.write(other, [{ key: 'b', value: 1 }]);
  for (const record of other.own) await exchange.deliver(whole, record);
  await exchange.write(whole, [{ key: 'a', value: 1 }]);
  for (const record of whole.own) await exchange.deliver(part, record);
  const [missing] = other.own;
  if (missing === undefined) throw new Error('nothing was written');
  return { exchange, whole, part, missing };
}

describe.each(strategyName.options)('replicas with %s', (name) => {
  test('lead on from any state of another one that has nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(name === 'automerge' ? deliveries : folds, async (steps) => {
        const exchange = new Exchange(name);
        const moments: {
          replica: Replica;
          had: ReadonlySet<StrategyRecord>;
          state: Map<string, string>;
          heads: readonly string[];
        }[] = [];
        await exchange.play(steps, (replica) => {
          const had = new Set(exchange.had(replica));
          moments.push({ replica, had, state: replica.state(), heads: replica.strategy.heads() });
        });
        for (const replica of exchange.replicas) {
          for (const { replica: other, had, state, heads } of moments) {
            if (!isSubset(had, exchange.had(replica))) continue;
            const after = ledOn(replica, heads, state);
            if (other === replica || after !== undefined) expect(after).toEqual(replica.state());
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe.each<StrategyName>(['lww', 'server-auth'])('replicas with %s that take in snapshots of others', (name) => {
  test('are where they would be with all records one by one', async () => {
    await fc.assert(
      fc.asyncProperty(folds, order, fc.boolean(), async (steps, ranks, isFoldedLast) => {
        const exchange = new Exchange(name);
        await exchange.play(steps);
        if (isFoldedLast) {
          for (const replica of exchange.replicas) for (const other of exchange.replicas) exchange.fold(replica, other);
        }
        await exchange.deliverAll(ranks);
        const witness = await exchange.witness();
        for (const replica of exchange.replicas) expectSame(replica, witness);
      }),
      { numRuns: 100 },
    );
  });

  test.each([1, 2, 5, 1000])('delete what was deleted there and forgotten, having had %d records', async (count) => {
    const source = await withForgottenDeletion(name);
    const replica = await withRecords(name, source.own.slice(0, count));
    const [heads, state] = [replica.strategy.heads(), replica.state()];
    expect(replica.fold(source, LATER_MS)).not.toBeNull();
    expectSame(replica, source);
    expect(ledOn(replica, heads, state)).toEqual(source.state());
    expect(replica.fold(source, LATER_MS)).toBeNull();
  });
});

const LATER_MS = START_MS + 2 * TOMBSTONE_MS;
/** So many that nobody can come back with heads from before them. */
const MANY = 2100;

/** One that wrote `k` first, then deleted it, and does not know any more that there was such a key. */
async function withForgottenDeletion(name: StrategyName): Promise<Replica> {
  const source = new Replica(name, '0a'.repeat(16));
  await source.write([messageOf([{ key: 'k', value: 1 }])]);
  await source.write([messageOf([{ key: 'k', value: undefined }])]);
  for (let n = 0; n < MANY; n += 1) await source.write([messageOf([{ key: 'n', value: n }])]);
  await source.compact(LATER_MS);
  expect(source.strategy.get('k')).toBeUndefined();
  return source;
}

async function withRecords(name: StrategyName, records: readonly StrategyRecord[]): Promise<Replica> {
  const replica = new Replica(name, '5b'.repeat(16));
  for (const record of records) await replica.receive(record);
  return replica;
}

describe('a deletion that an lww replica has forgotten', () => {
  test('deletes nothing where something was written that it does not have', async () => {
    const source = await withForgottenDeletion('lww');
    const replica = await withRecords('lww', source.own.slice(0, 1));
    await replica.write([messageOf([{ key: 'own', value: 1 }])]);
    replica.fold(source, LATER_MS);
    source.fold(replica, LATER_MS);
    expect([...replica.state().keys()].toSorted()).toEqual(['k', 'n', 'own']);
    expectSame(replica, source);
  });

  test('wins where it was taken in, and goes on from there to those that still have the value', async () => {
    const source = await withForgottenDeletion('lww');
    const first = await withRecords('lww', source.own.slice(0, 1));
    const second = new Replica('lww', 'f0'.repeat(16));
    for (const record of source.own.slice(0, 1)) await second.receive(record);
    await second.write([messageOf([{ key: 'own', value: 1 }])]);
    first.fold(source, LATER_MS);
    first.fold(second);
    second.fold(first);
    expect([...second.state().keys()].toSorted()).toEqual(['n', 'own']);
    expectSame(second, first);
  });
});

describe.each(strategyName.options)('the history of %s', (name) => {
  /** Automerge may store a change compressed: its bytes are others then. */
  const nameOf = ({ data }: StrategyRecord): string => {
    return name === 'automerge' ? Automerge.decodeChange(data).hash : Buffer.from(data).toString('hex');
  };

  test('gives back all records, also those that are held back, however often it was packed', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, async (steps) => {
        const exchange = new Exchange(name);
        await exchange.play(steps);
        const witness = await exchange.witness();
        for (const replica of exchange.replicas) {
          const expected = [...exchange.had(replica)].map(nameOf).toSorted();
          for (let packings = 0; packings < 2; packings += 1) {
            await replica.compact();
            const records = await replica.records();
            expect(records.map(nameOf).toSorted()).toEqual(expected);
            const received = await Promise.all(records.map((record) => replica.receive(record)));
            expect(received.filter((keys) => keys !== null)).toEqual([]);
            const reader = await withRecords(name, records);
            expect(reader.state()).toEqual(replica.state());
            for (const record of exchange.records) await reader.receive(record);
            expect(reader.strategy.heads()).toEqual(witness.strategy.heads());
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
