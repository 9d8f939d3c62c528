import { strategyName } from '@etherply/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Pod, token, until } from '../pod.ts';

// What clients of a pod see, whatever strategy their workspace has.

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start({ env: { ETHERPLY_COMPACT_FROM_BYTES: '4096' } });
});
afterAll(() => pod.stop());

describe.each(strategyName.options)('a workspace with %s', (strategy) => {
  const named = async (name: string) => {
    const workspace = `${strategy}:${name}`;
    await pod.configure(workspace, { strategy });
    return workspace;
  };

  test('acks a write, shows it to the others, and gives it to those who come later', async () => {
    const workspace = await named('writes');
    const [writer, reader] = [await pod.connect(workspace), await pod.connect(workspace)];
    expect(await writer.take('init')).toMatchObject({ data: {}, heads: [], strategy });
    const ack = await writer.set('title', { a: [1, null, 0.1] }, 'op-1');
    expect(ack).toMatchObject({ ids: ['op-1'], count: 1, durability: 'local' });
    expect(await reader.take('op')).toMatchObject({ payload: { key: 'title', value: { a: [1, null, 0.1] } } });
    writer.send({ type: 'op', payload: { key: 'title', deleted: true } });
    await writer.take('ack');
    expect(await reader.take('op')).toMatchObject({ payload: { key: 'title', deleted: true }, user_id: 'alice' });
    await writer.set('next', 1);
    const late = await pod.connect(workspace, { heads: String(ack.heads) });
    expect((await late.take('delta')).ops).toMatchObject([
      { key: 'title', deleted: true },
      { key: 'next', value: 1 },
    ]);
    expect(await (await pod.connect(workspace)).take('init')).toMatchObject({ data: { next: 1 } });
  });

  test('takes a resend once, also after a crash', async () => {
    const workspace = await named('resends');
    const client = await pod.connect(workspace);
    await client.set('n', 1, 'same');
    await client.set('n', 2, 'other');
    await pod.end('SIGKILL');
    await pod.restart();
    const back = await pod.connect(workspace);
    expect(await back.set('n', 1, 'same')).toMatchObject({ ids: ['same'] });
    expect(await pod.read(workspace)).toMatchObject({ data: { n: 2 } });
  });

  test('keeps its state, history and settings when it is compacted and the pod crashes', async () => {
    const workspace = await named('compacted');
    const client = await pod.connect(workspace);
    const compactions = () => pod.metric('etherply_compactions_total');
    const before = await compactions();
    let writes = 0;
    const early = await client.set('counter', 'first');
    for (; (await compactions()) === before; writes += 1) await client.set('counter', `${writes} ${'x'.repeat(500)}`);
    await client.set('last', true);
    await pod.end('SIGKILL');
    await pod.restart();
    const { data } = await pod.read(workspace);
    expect(data.last).toBe(true);
    expect(data.counter).toMatch(new RegExp(`^${writes - 1} `));
    expect(await pod.read(workspace, early.heads)).toMatchObject({ data: { counter: 'first' } });
    const { body } = await pod.request('GET', `/v1/history/${workspace}?limit=1000`);
    expect(body).toHaveLength(writes + 2);
    expect((await pod.request('GET', `/v1/workspaces/${workspace}/settings`)).body).toEqual({ strategy });
  });

  test('is empty after it was deleted, stays so over a crash, and can be begun anew', async () => {
    const workspace = await named('deleted');
    const [writer, other] = [await pod.connect(workspace), await pod.connect(`${workspace}-other`)];
    for (let n = 0; n < 40; n += 1) await writer.set(`key-${n}`, 'x'.repeat(500));
    const { heads } = await writer.set('k', 1, 'before');
    await other.set('untouched', true);
    expect((await pod.request('DELETE', `/v1/workspaces/${workspace}`)).status).toBe(200);
    expect(await writer.closed()).toBe(4410);
    expect(await pod.read(workspace)).toEqual({ data: {}, heads: [] });
    await pod.end('SIGKILL');
    await pod.restart();
    expect(await pod.read(workspace)).toEqual({ data: {}, heads: [] });
    expect((await pod.request('GET', `/v1/history/${workspace}`)).body).toEqual([]);
    expect(await pod.read(`${workspace}-other`)).toMatchObject({ data: { untouched: true } });
    const back = await pod.connect(workspace, { heads: String(heads) });
    expect(await back.take('init')).toMatchObject({ data: {} });
    await back.set('k', 2);
    await pod.end('SIGKILL');
    await pod.restart();
    expect(await pod.read(workspace)).toMatchObject({ data: { k: 2 } });
  });

  test('shows in its history who wrote what', async () => {
    const workspace = await named('history');
    const alice = await pod.connect(workspace);
    const bob = await pod.connect(workspace, { token: await token({ sub: 'bob' }) });
    const first = await alice.set('a', { x: 1 });
    await bob.set('b', 2);
    bob.send({ type: 'op', payload: { key: 'a', deleted: true } });
    await bob.take('ack');
    const { body } = await pod.request('GET', `/v1/history/${workspace}?limit=2`);
    expect(body).toMatchObject([
      { user_id: 'bob', ops: [{ key: 'a', deleted: true, user_id: 'bob' }] },
      { user_id: 'bob', ops: [{ key: 'b', value: 2 }] },
    ]);
    const [, second] = body as { hash: string }[];
    const older = await pod.request('GET', `/v1/history/${workspace}?before=${second?.hash}`);
    expect(older.body).toMatchObject([
      { user_id: 'alice', hash: first.heads[0], ops: [{ key: 'a', value: { x: 1 } }] },
    ]);
    expect(await pod.read(workspace, [second?.hash ?? ''])).toMatchObject({ data: { a: { x: 1 }, b: 2 } });
  });

  test('takes no ops while it is read-only', async () => {
    const workspace = await named('read-only');
    const client = await pod.connect(workspace);
    await client.set('k', 1);
    await pod.configure(workspace, { strategy, read_only: true });
    client.send({ type: 'op', id: 'x', payload: { key: 'k', value: 2 } });
    expect(await client.take('error')).toMatchObject({ code: 'permission_denied', id: 'x' });
    await pod.configure(workspace, { strategy });
    expect(await client.set('k', 3, 'x')).toMatchObject({ ids: ['x'] });
  });

  test('takes writes on a condition', async () => {
    const workspace = await named('conditions');
    const path = `/v1/workspaces/${workspace}/ops`;
    const first = await pod.request('POST', path, { body: { key: 'n', value: 1 } });
    const { heads } = first.body as { heads: string[] };
    const headers = { 'if-match': `"${heads}"` };
    expect((await pod.request('POST', path, { body: { key: 'n', value: 2 }, headers })).status).toBe(200);
    expect((await pod.request('POST', path, { body: { key: 'n', value: 3 }, headers })).status).toBe(412);
  });

  test('keeps its strategy once it has data', async () => {
    const workspace = await named('kept');
    const other = strategyName.options.find((one) => one !== strategy) ?? strategy;
    const waiting = await pod.connect(workspace);
    await pod.configure(workspace, { strategy: other });
    // Who is there has been told of the other strategy, and comes again.
    expect(await waiting.closed()).toBe(1012);
    await pod.configure(workspace, { strategy });
    await (await pod.connect(workspace)).set('k', 1);
    const answer = await pod.request('PUT', `/v1/workspaces/${workspace}/settings`, { body: { strategy: other } });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'bad_request' } } });
  });
});

test('nothing that was sent before a deletion is there after it', async () => {
  for (let round = 0; round < 10; round += 1) {
    const client = await pod.connect('racing', { presence: '0' });
    let isClosed = false;
    client.socket.on('close', () => {
      isClosed = true;
    });
    const flood = (async () => {
      for (let n = 0; !isClosed; n += 1) {
        client.send({ type: 'op', payload: { key: `key-${n % 50}`, value: n } });
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await client.take('ack');
    expect((await pod.request('DELETE', '/v1/workspaces/racing')).status).toBe(200);
    expect(await pod.read('racing')).toEqual({ data: {}, heads: [] });
    await flood;
    expect(await pod.read('racing')).toEqual({ data: {}, heads: [] });
  }
});

test('a resend that is in already, and was overwritten since, leaves its sender with what is there now', async () => {
  const [first, second] = [await pod.connect('overwritten'), await pod.connect('overwritten')];
  await first.set('k', 'mine', 'same');
  await second.set('k', 'theirs');
  await second.set('gone', 1, 'also');
  second.send({ type: 'op', payload: { key: 'gone', deleted: true } });
  await second.take('ack');
  const back = await pod.connect('overwritten');
  expect(await back.set('k', 'mine', 'same')).toMatchObject({ ids: ['same'] });
  expect(await back.take('op')).toMatchObject({ payload: { key: 'k', value: 'theirs' } });
  expect(await back.set('gone', 1, 'also')).toMatchObject({ ids: ['also'] });
  expect(await back.take('op')).toMatchObject({ payload: { key: 'gone', deleted: true } });
});

test('a write that loses is acked, and its sender gets what won', async () => {
  await pod.configure('lww:loses', { strategy: 'lww' });
  const client = await pod.connect('lww:loses');
  const now = Date.now() * 1000;
  client.send({ type: 'op', payload: { key: 'k', value: 'late', timestamp: now } });
  await client.take('ack');
  client.send({ type: 'op', id: 'early', payload: { key: 'k', value: 'early', timestamp: now - 1000 } });
  expect(await client.take('ack')).toMatchObject({ ids: ['early'] });
  expect(await client.take('op')).toMatchObject({ payload: { key: 'k', value: 'late', timestamp: now } });
});

test('the strategy of a pod is that of its workspaces, but not of those that have data in another', async () => {
  const client = await pod.connect('default');
  await client.set('k', 1);
  await pod.end('SIGTERM');
  await pod.restart({ ETHERPLY_SYNC_STRATEGY: 'lww' });
  expect(await (await pod.connect('default')).take('init')).toMatchObject({ strategy: 'automerge', data: { k: 1 } });
  expect(await (await pod.connect('default-new')).take('init')).toMatchObject({ strategy: 'lww' });
  await pod.end('SIGTERM');
  await pod.restart();
});

test('history that is dropped is gone when the workspace is compacted', async () => {
  await pod.configure('lww:dropped', { strategy: 'lww', retention: { history: 'drop' } });
  const client = await pod.connect('lww:dropped');
  const early = await client.set('counter', 'first');
  const before = await pod.metric('etherply_compactions_total');
  for (let n = 0; (await pod.metric('etherply_compactions_total')) === before; n += 1) {
    await client.set('counter', `${n} ${'x'.repeat(500)}`);
  }
  const last = await client.set('counter', 'last');
  const { body } = await pod.request('GET', '/v1/history/lww:dropped');
  expect(body).toMatchObject([{ hash: last.heads[0], ops: [{ value: 'last' }] }, ...(body as unknown[]).slice(1)]);
  expect((await pod.request('GET', `/v1/workspaces/lww:dropped?heads=${early.heads}`)).status).toBe(404);
  await until(async () => (await pod.read('lww:dropped')).data.counter === 'last');
  const refused = await pod.request('PUT', '/v1/workspaces/am/settings', {
    body: { strategy: 'automerge', retention: { history: 'drop' } },
  });
  expect(refused.status).toBe(400);
});
