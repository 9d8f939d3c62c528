import { strategyName } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { messageOf, Replica, START_MS, type Write, writes } from './replica.ts';

// What every strategy keeps to, whatever it makes of concurrent writes. One that is added is tested here, too.

type Step = { user: string; list: Write[] } | 'compact';
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ user: fc.constantFrom('alice', 'bob'), list: writes }) },
    {
      weight: 1,
      arbitrary: fc.constant<Step>('compact'),
    },
  ),
  { maxLength: 20 },
);

async function play(replica: Replica, list: readonly Step[]): Promise<void> {
  for (const step of list) {
    if (step === 'compact') await replica.compact();
    else await replica.write([messageOf(step.list, step.user)]);
  }
}

/** What the writes leave, one after the other. */
function expected(list: readonly Step[]): Map<string, string> {
  const state = new Map<string, string>();
  for (const { key, value } of list.flatMap((step) => (step === 'compact' ? [] : step.list))) {
    if (value === undefined) state.delete(key);
    else state.set(key, JSON.stringify(value));
  }
  return state;
}

describe.each(strategyName.options)('%s', (name) => {
  test('holds what was written last by one server, whenever it is compacted', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const replica = new Replica(name);
        await play(replica, list);
        expect(replica.state()).toEqual(expected(list));
        const sizes = [...expected(list)].map(([key, json]) => Buffer.byteLength(key) + Buffer.byteLength(json));
        expect(replica.strategy.size.keys).toBe(sizes.length);
        expect(replica.strategy.size.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      }),
    );
  });

  test('a plan changes nothing until it is committed', async () => {
    await fc.assert(
      fc.asyncProperty(steps, writes, async (list, more) => {
        const replica = new Replica(name);
        await play(replica, list);
        const [before, heads] = [replica.state(), replica.strategy.heads()];
        const plan = await replica.strategy.plan([messageOf(more)], START_MS);
        expect(replica.state()).toEqual(before);
        expect(replica.strategy.heads()).toEqual(heads);
        expect(plan.timestamps).toHaveLength(more.length);
      }),
    );
  });

  test('is the same after its log is read back, and a record that is read twice has no effect', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const [first, second] = [new Replica(name), new Replica(name)];
        await play(first, list);
        for (const record of [...first.own, ...first.own]) await second.receive(record);
        expect(second.state()).toEqual(first.state());
        expect(second.strategy.heads()).toEqual(first.strategy.heads());
        const { keys, bytes } = first.strategy.size;
        expect(second.strategy.size).toMatchObject({ keys, bytes });
      }),
    );
  });

  test('what changed since any heads that it had leads from the state then to the state now', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(20), async (list, cut) => {
        const replica = new Replica(name);
        await play(replica, list.slice(0, cut));
        const [state, heads] = [replica.state(), replica.strategy.heads()];
        await play(replica, list.slice(cut));
        const changed = replica.strategy.since(heads);
        if (heads.length > 0) expect(changed).not.toBeNull();
        for (const { key, json } of changed ?? replica.strategy.view()) {
          if (json === undefined) state.delete(key);
          else state.set(key, json);
        }
        expect(state).toEqual(replica.state());
      }),
    );
  });

  test('does not know heads that it never had', async () => {
    const replica = new Replica(name);
    await replica.write([messageOf([{ key: 'a', value: 1 }])]);
    expect(replica.strategy.since(['ab'.repeat(32)])).toBeNull();
    expect(replica.strategy.since(['no head'])).toBeNull();
    expect(await replica.stateAt(['ab'.repeat(32)])).toBeNull();
    expect(replica.page({ before: 'ab'.repeat(32) })).toBeNull();
  });

  test('history shows each commit with who wrote it, and the state at each', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const replica = new Replica(name);
        const seen: { state: Map<string, string>; heads: readonly string[]; user: string }[] = [];
        for (const step of list) {
          await play(replica, [step]);
          const heads = replica.strategy.heads();
          const isNew = heads[0] !== undefined && heads[0] !== seen.at(-1)?.heads[0];
          if (step !== 'compact' && isNew) seen.push({ state: replica.state(), heads, user: step.user });
        }
        const shown = replica.page() ?? [];
        expect(shown.map(({ hash }) => [hash]).reverse()).toEqual(seen.map(({ heads }) => heads));
        for (const [i, { ops }] of shown.toReversed().entries()) {
          expect(new Set(ops.map(({ user }) => user))).toEqual(new Set([seen[i]?.user]));
        }
        for (const { state, heads } of seen) expect(await replica.stateAt(heads)).toEqual(state);
      }),
      { numRuns: 30 },
    );
  });

  test('history is read in pages', async () => {
    const replica = new Replica(name);
    for (let n = 0; n < 7; n += 1) {
      await replica.write([messageOf([{ key: 'n', value: n }])]);
      if (n === 3) await replica.compact();
    }
    const values: unknown[] = [];
    let before: string | undefined;
    for (let page = replica.page({ limit: 3 }); page?.length; page = replica.page({ limit: 3, before })) {
      for (const { ops } of page) values.push(...ops.map((op) => 'json' in op && op.json));
      before = page.at(-1)?.hash;
    }
    expect(values).toEqual(['6', '5', '4', '3', '2', '1', '0']);
  });

  test('messages of several users in one turn keep their authors', async () => {
    const replica = new Replica(name);
    await replica.write([
      messageOf([{ key: 'a', value: 1 }], 'alice'),
      messageOf([{ key: 'b', value: 2 }], 'bob'),
      messageOf(
        [
          { key: 'a', value: 3 },
          { key: 'c', value: undefined },
        ],
        'alice',
      ),
    ]);
    expect(replica.page()?.[0]?.ops).toEqual([
      { key: 'a', json: '1', user: 'alice' },
      { key: 'b', json: '2', user: 'bob' },
      { key: 'a', json: '3', user: 'alice' },
    ]);
  });
});
