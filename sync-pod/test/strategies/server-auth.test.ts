import type { Json, ServerFrame, WorkspaceSettings } from '@etherply/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ServerAuthStrategy } from '../../src/strategy/server-auth/server-auth-strategy.ts';
import { Pod, type TestClient, token } from '../pod.ts';
import { messageOf, START_MS } from './replica.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start();
});
afterAll(() => pod.stop());

/** A game: everybody moves their own piece, a step at a time; the referee keeps the score. */
const GAME: WorkspaceSettings = {
  strategy: 'server-auth',
  schema: {
    type: 'object',
    patternProperties: {
      '^x:': { type: 'integer', minimum: 0, maximum: 100 },
      '^name:': { type: 'string', maxLength: 20 },
    },
    properties: { score: { type: 'integer' }, budget: { type: 'number', minimum: 0 }, spent: { type: 'number' } },
    additionalProperties: false,
  },
  rules: [
    { key: 'x:*', writers: [{ claim: 'sub', equals_wildcard: true }], max_step: 2 },
    {
      key: 'name:*',
      writers: [
        { claim: 'sub', equals_wildcard: true },
        { claim: 'role', equals: 'referee' },
      ],
    },
    { key: 'score', writers: [{ scope: 'referee' }, { claim: 'role', equals: 'referee' }] },
  ],
};

/** What a client knows that does nothing but apply what it is sent, and its own ops once they are acked. */
class Model {
  readonly state = new Map<string, Json>();
  readonly pending = new Map<string, { key: string; value?: Json; deleted?: true }[]>();

  apply(frame: ServerFrame): void {
    if (frame.type === 'init') for (const [key, value] of Object.entries(frame.data)) this.state.set(key, value);
    else if (frame.type === 'op') this.#put(frame.payload);
    else if (frame.type === 'ack') for (const id of frame.ids) this.#settle(id, true);
    else if (frame.type === 'reject') {
      this.#put(frame);
      this.#settle(frame.id ?? '', false);
    }
  }

  #settle(id: string, isTaken: boolean): void {
    for (const write of (isTaken && this.pending.get(id)) || []) this.#put(write);
    this.pending.delete(id);
  }

  #put(write: { key: string; value?: Json } | { key: string; deleted: true }): void {
    if ('value' in write && write.value !== undefined) this.state.set(write.key, write.value);
    else this.state.delete(write.key);
  }
}

async function player(workspace: string, user: string, claims: Record<string, unknown> = {}): Promise<TestClient> {
  return pod.connect(workspace, {
    token: await token({ sub: user, scopes: ['read', 'write'], ...claims }),
    presence: '0',
  });
}

async function refused(client: TestClient, key: string, value: Json, id = `${key} ${value}`) {
  client.send({ type: 'op', id, payload: { key, value } });
  return client.take('reject');
}

describe('a cheating client', () => {
  test('cannot move the pieces of others, jump, score, or write what the schema does not know', async () => {
    await pod.configure('game', GAME);
    const [cheat, honest] = [await player('game', 'cheat'), await player('game', 'honest')];
    await honest.set('x:honest', 5);
    await cheat.set('x:cheat', 50);
    expect(await refused(cheat, 'x:honest', 0)).toMatchObject({
      code: 'writer_not_allowed',
      key: 'x:honest',
      value: 5,
    });
    expect(await refused(cheat, 'x:cheat', 60)).toMatchObject({ code: 'step_too_large', value: 50, id: 'x:cheat 60' });
    expect(await refused(cheat, 'x:cheat', 51.5)).toMatchObject({ code: 'schema_violation', value: 50 });
    expect(await refused(cheat, 'score', 1)).toMatchObject({ code: 'writer_not_allowed', deleted: true });
    expect(await refused(cheat, 'hack', true)).toMatchObject({ code: 'schema_violation', deleted: true });
    expect(await refused(cheat, '__proto__', 1)).toMatchObject({ code: 'schema_violation', deleted: true });
    cheat.send({ type: 'op', id: 'gone', payload: { key: 'x:cheat', deleted: true } });
    expect(await cheat.take('reject')).toMatchObject({ code: 'step_too_large', value: 50 });
    expect((await pod.read('game')).data).toEqual({ 'x:honest': 5, 'x:cheat': 50 });
    // The others have not heard of any of it.
    await cheat.set('x:cheat', 52);
    expect(await honest.take('op')).toMatchObject({ payload: { key: 'x:cheat', value: 50 } });
    expect(await honest.take('op')).toMatchObject({ payload: { key: 'x:cheat', value: 52 } });
  });

  test('cannot slip a move past the rules in a transaction, nor by many small ones in a turn', async () => {
    await pod.configure('transactions', GAME);
    const cheat = await player('transactions', 'cheat');
    await cheat.set('x:cheat', 10);
    cheat.send({
      type: 'ops',
      id: 'mixed',
      payload: [
        { key: 'x:cheat', value: 11 },
        { key: 'score', value: 100 },
      ],
    });
    expect(await cheat.take('reject')).toMatchObject({ id: 'mixed', key: 'score', code: 'writer_not_allowed' });
    cheat.send({ type: 'ops', id: 'twice', payload: [12, 15].map((value) => ({ key: 'x:cheat', value })) });
    expect(await cheat.take('reject')).toMatchObject({
      id: 'twice',
      key: 'x:cheat',
      code: 'step_too_large',
      value: 10,
    });
    expect((await pod.read('transactions')).data).toEqual({ 'x:cheat': 10 });
  });

  test('cannot make the server believe another time, nor get by with a resend', async () => {
    await pod.configure('times', GAME);
    const cheat = await player('times', 'cheat');
    cheat.send({ type: 'op', payload: { key: 'x:cheat', value: 1, timestamp: 4e15 } });
    await cheat.take('ack');
    const watcher = await player('times', 'watcher');
    await cheat.set('x:cheat', 2);
    const { payload } = await watcher.take('op');
    expect(Math.abs(payload.timestamp / 1000 - Date.now())).toBeLessThan(60_000);
    await refused(cheat, 'x:cheat', 90, 'again');
    // Asked again, it is refused again: nothing was remembered as taken.
    expect(await refused(cheat, 'x:cheat', 90, 'again')).toMatchObject({ id: 'again', code: 'step_too_large' });
  });

  test('does not get in over REST either', async () => {
    await pod.configure('rest', GAME);
    const claims = { sub: 'cheat', scopes: ['write'] };
    const body = { key: 'score', value: 1 };
    const answer = await pod.request('POST', '/v1/workspaces/rest/ops', { body, claims });
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'rejected' } } });
    const referee = { ...claims, scopes: ['write', 'referee'] };
    expect((await pod.request('POST', '/v1/workspaces/rest/ops', { body, claims: referee })).status).toBe(200);
  });

  test('is held to a rate on each key', async () => {
    await pod.configure('rates', { strategy: 'server-auth', rules: [{ key: 'slow:*', max_writes_per_second: 1 }] });
    const cheat = await player('rates', 'cheat');
    for (let n = 0; n < 50; n += 1) cheat.send({ type: 'op', id: `n-${n}`, payload: { key: 'slow:a', value: n } });
    expect(await cheat.take('reject')).toMatchObject({ code: 'key_rate_exceeded', key: 'slow:a' });
    await cheat.set('slow:b', 1, 'b');
    await cheat.set('fast', 1, 'fast');
  });
});

test('whatever clients try, each can rebuild the state of the server from what it was sent', async () => {
  const attempt = fc.record({
    who: fc.nat(2),
    writes: fc.array(
      fc.record({
        key: fc.constantFrom('x:a', 'x:b', 'x:c', 'score', 'name:a', 'other'),
        value: fc.option(fc.oneof(fc.integer({ min: -1, max: 6 }), fc.constantFrom('text', true)), {
          nil: undefined,
          freq: 6,
        }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { maxLength: 30 }), async (attempts) => {
      run += 1;
      const workspace = `rebuilt-${run}`;
      await pod.configure(workspace, GAME);
      const users = ['a', 'b', 'c'];
      const players = await Promise.all(
        users.map((user) => player(workspace, user, { role: user === 'c' ? 'referee' : 'player' })),
      );
      const models = users.map(() => new Model());
      for (const [n, { who, writes }] of attempts.entries()) {
        const payload = writes.map(({ key, value }) =>
          value === undefined ? { key, deleted: true as const } : { key, value },
        );
        models[who]?.pending.set(`m-${n}`, payload);
        players[who]?.send({ type: 'ops', id: `m-${n}`, payload });
      }
      for (const [i, client] of players.entries()) {
        while (models[i]?.state === undefined || models[i].pending.size > 0)
          models[i]?.apply(await client.take('init', 'op', 'ack', 'reject'));
      }
      // Now that all have been answered, a pong comes after everything that was sent before.
      for (const [i, client] of players.entries()) {
        client.send({ type: 'ping' });
        await client.take('pong');
        for (const frame of client.frames) models[i]?.apply(frame);
        client.close();
      }
      const { data } = await pod.read(workspace);
      for (const { state } of models) expect(Object.fromEntries(state)).toEqual(data);
    }),
    { numRuns: 40 },
  );
});

describe('settings', () => {
  test('are refused where what is in the workspace breaks the schema, and hold from then on', async () => {
    await pod.configure('schema', { strategy: 'server-auth' });
    const client = await player('schema', 'a');
    await client.set('n', 'text');
    const schema = { properties: { n: { type: 'number' } } };
    const answer = await pod.request('PUT', '/v1/workspaces/schema/settings', {
      body: { strategy: 'server-auth', schema },
    });
    expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('/n') } } });
    await client.set('n', 'still text');
    await client.set('n', 1);
    await pod.configure('schema', { strategy: 'server-auth', schema });
    expect(await refused(client, 'n', 'text')).toMatchObject({ code: 'schema_violation', value: 1 });
    await pod.end('SIGKILL');
    await pod.restart();
    expect(await refused(await player('schema', 'a'), 'n', 'text')).toMatchObject({
      code: 'schema_violation',
      value: 1,
    });
  });

  test('that require keys are met by a first transaction that brings them all', async () => {
    const schema = { type: 'object', required: ['a', 'b'] };
    await pod.configure('required', { strategy: 'server-auth', schema });
    const client = await player('required', 'a');
    expect(await refused(client, 'a', 1)).toMatchObject({ code: 'schema_violation', key: 'a' });
    client.send({ type: 'ops', payload: ['a', 'b'].map((key) => ({ key, value: 1 })) });
    expect(await client.take('ack')).toMatchObject({ count: 2 });
    client.send({ type: 'op', payload: { key: 'b', deleted: true } });
    expect(await client.take('reject')).toMatchObject({ key: 'b', value: 1 });
  });
});

test('a plan that is refused leaves the document of the schema as it was', async () => {
  const strategy = new ServerAuthStrategy('actor');
  strategy.configure({ strategy: 'server-auth', schema: { maxProperties: 2 } });
  const write = (entries: Record<string, Json>) => {
    const list = Object.entries(entries).map(([key, value]) => ({ key, value }));
    return strategy.plan([messageOf(list)], START_MS).refusals.size === 0;
  };
  // None of these is committed: each is held against the empty document.
  expect([write({ a: 1, b: 1, c: 1 }), write({ a: 1, b: 1 }), write({ a: 1, b: 1, c: 1 })]).toEqual([
    false,
    true,
    false,
  ]);
});

test('a schema that says something of each key alone refuses just what it refuses as part of a whole document', () => {
  const properties = { a: { type: 'number' }, b: { enum: [1, 'x'] } };
  const byKey = {
    type: 'object',
    properties,
    patternProperties: { '^n': { minimum: 3 } },
    propertyNames: { maxLength: 2 },
  };
  const value = fc.option(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant('x')), { nil: undefined, freq: 3 });
  const message = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'n1', '__proto__'), value }), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const [alone, whole] = [new ServerAuthStrategy('actor'), new ServerAuthStrategy('actor')];
      alone.configure({ strategy: 'server-auth', schema: byKey });
      whole.configure({ strategy: 'server-auth', schema: { allOf: [byKey] } });
      for (const [i, list] of messages.entries()) {
        const { ops } = messageOf(list);
        const plans = [alone, whole].map((strategy) => {
          const plan = strategy.plan([messageOf(list)], START_MS);
          strategy.commit(plan, ops, i + 1);
          return plan;
        });
        expect(plans[0]?.refusals.has(0)).toBe(plans[1]?.refusals.has(0));
      }
      expect([...alone.view()]).toEqual([...whole.view()]);
    }),
  );
});

describe('a schema', () => {
  const put = (schema: Record<string, Json>) => {
    return pod.request('PUT', '/v1/workspaces/schemas/settings', { body: { strategy: 'server-auth', schema } });
  };

  test.each<[string, Record<string, Json>]>([
    ['is asynchronous', { $async: true, type: 'object', required: ['a'] }],
    ['is asynchronous inside', { properties: { a: { $async: true } } }],
    ['refers to itself without end', { $ref: '#' }],
    ['refers to itself in all', { allOf: [{ $ref: '#' }] }],
    ['has a pattern that cannot be matched in linear time', { propertyNames: { pattern: '(?=a)b' } }],
    ['is too large', { $comment: 'x'.repeat(70_000) }],
  ])('that %s is refused, and the pod goes on', async (_, schema) => {
    expect(await put(schema)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/schema/) } },
    });
    expect((await fetch(pod.url('/healthz'))).status).toBe(200);
  });

  test('has patterns that no value can make slow', async () => {
    await pod.configure('patterns', {
      strategy: 'server-auth',
      schema: { properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
    });
    const client = await player('patterns', 'a');
    expect(await refused(client, 'a', `${'a'.repeat(100_000)}!`, 'slow')).toMatchObject({ code: 'schema_violation' });
    await client.set('a', 'a'.repeat(1000), 'fine');
  });

  test('about the document as a whole holds for a bounded number of keys', async () => {
    await pod.configure('whole', { strategy: 'server-auth', schema: { minProperties: 1 } });
    const client = await player('whole', 'a');
    const payload = Array.from({ length: 10_001 }, (_, n) => ({ key: `key-${n}`, value: n }));
    client.send({ type: 'ops', id: 'many', payload });
    expect(await client.take('reject')).toMatchObject({ id: 'many', code: 'schema_violation' });
  });
});

describe('rules', () => {
  test('with a rate on very many keys hold nobody up', async () => {
    await pod.configure('many-rates', { strategy: 'server-auth', rules: [{ key: '*', max_writes_per_second: 1 }] });
    const client = await player('many-rates', 'a');
    const payload = Array.from({ length: 18_000 }, (_, n) => ({ key: `key-${n}`, value: n }));
    client.send({ type: 'ops', payload });
    expect(await client.take('ack')).toMatchObject({ count: 18_000 });
  });

  test('count only writes that pass all the others', async () => {
    const rules = [
      { key: 'verdict', max_writes_per_second: 0.01 },
      { key: 'verdict', writers: [{ claim: 'role', equals: 'judge' }] },
    ];
    await pod.configure('judged', { strategy: 'server-auth', rules });
    const [mallory, judge] = [await player('judged', 'mallory'), await player('judged', 'judge', { role: 'judge' })];
    for (let n = 0; n < 5; n += 1) {
      expect(await refused(mallory, 'verdict', n)).toMatchObject({ code: 'writer_not_allowed' });
    }
    await judge.set('verdict', 'guilty');
  });

  test('know that an admin may write, whatever its token calls that', async () => {
    await pod.configure('admins', { strategy: 'server-auth', rules: [{ key: 'k', writers: [{ scope: 'write' }] }] });
    const body = { key: 'k', value: 1 };
    expect(
      (await pod.request('POST', '/v1/workspaces/admins/ops', { body, claims: { scopes: ['admin'] } })).status,
    ).toBe(200);
  });
});

test('a message that is refused and sent again in the same turn is refused again', async () => {
  await pod.configure('doubles', { strategy: 'server-auth', rules: [{ key: 'k', writers: [] }] });
  const client = await player('doubles', 'a');
  for (let n = 0; n < 2; n += 1) client.send({ type: 'op', id: 'dup', payload: { key: 'k', value: 1 } });
  expect(await client.take('reject', 'ack')).toMatchObject({ type: 'reject', id: 'dup' });
  expect(await client.take('reject', 'ack')).toMatchObject({ type: 'reject', id: 'dup' });
});
