import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Pod, token } from './pod.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start();
});
afterAll(() => pod.stop());

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(pod.url(path), {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${await token()}`, ...headers },
  });

describe('a workspace', () => {
  test('starts empty, acks a write, and shows it to the others and to those who come later', async () => {
    const [writer, reader] = [await pod.connect('first'), await pod.connect('first')];
    expect(await writer.take('init')).toMatchObject({
      data: {},
      heads: [],
      workspace_id: 'first',
      strategy: 'automerge',
    });
    const ack = await writer.set('title', 'hello', 'op-1');
    expect(ack).toMatchObject({ ids: ['op-1'], count: 1, durability: 'local' });
    expect(await reader.take('op')).toMatchObject({ payload: { key: 'title', value: 'hello' }, user_id: 'alice' });
    const late = await pod.connect('first');
    expect(await late.take('init')).toMatchObject({ data: { title: 'hello' }, heads: ack.heads });
  });

  test.each<[string, unknown]>([
    ['nested', { a: [1, { b: null }, [true, 'x']], ключ: 'é' }],
    ['floats', [0.1, -1.5, 1e300, 9007199254740991, -9007199254740991, 12345]],
    ['empty', [{}, [], '']],
    ['__proto__', JSON.parse('{"__proto__":{"x":1},"constructor":2}')],
  ])('gives the value under %s back as it went in, also after a restart of the workspace', async (key, value) => {
    const client = await pod.connect('values');
    await client.set(key, value);
    const answer = await fetch(pod.url('/v1/workspaces/values'), {
      headers: { authorization: `Bearer ${await token()}` },
    });
    const { data } = (await answer.json()) as { data: Record<string, unknown> };
    expect(JSON.stringify(Object.getOwnPropertyDescriptor(data, key)?.value)).toBe(JSON.stringify(value));
  });

  test('forgets a deleted key, and tells the others', async () => {
    const [writer, reader] = [await pod.connect('deletions'), await pod.connect('deletions')];
    await writer.set('gone', 1);
    writer.send({ type: 'op', payload: { key: 'gone', deleted: true } });
    await writer.take('ack');
    expect(await reader.take('op')).toMatchObject({ payload: { value: 1 } });
    expect(await reader.take('op')).toMatchObject({ payload: { key: 'gone', deleted: true } });
    expect(await (await pod.connect('deletions')).take('init')).toMatchObject({ data: {} });
  });

  test('sends only what changed to a client that says what it has', async () => {
    const client = await pod.connect('heads');
    await client.set('old', 1);
    const { heads } = await client.set('old', 2);
    await client.set('new', 3);
    const back = await pod.connect('heads', { heads: String(heads) });
    const delta = await back.take('delta');
    expect(delta.ops.map(({ key }) => key)).toEqual(['new']);
    const stranger = await pod.connect('heads', { heads: 'ab'.repeat(32) });
    expect(await stranger.take('init')).toMatchObject({ data: { old: 2, new: 3 } });
  });

  test('takes a resent op once, and refuses another op under its id', async () => {
    const client = await pod.connect('resend');
    await client.set('n', 1, 'same');
    await client.set('n', 2, 'other');
    expect(await client.set('n', 1, 'same')).toMatchObject({ ids: ['same'] });
    client.send({ type: 'op', id: 'same', payload: { key: 'n', value: 9 } });
    expect(await client.take('error')).toMatchObject({ code: 'id_reused', id: 'same' });
    expect(await (await pod.connect('resend')).take('init')).toMatchObject({ data: { n: 2 } });
  });

  test('applies a transaction as a whole and sends it in one frame to those who take batches', async () => {
    const [writer, reader] = [await pod.connect('batches'), await pod.connect('batches', { batch: '1' })];
    writer.send({
      type: 'ops',
      id: 't',
      payload: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ],
    });
    expect(await writer.take('ack')).toMatchObject({ ids: ['t'], count: 2 });
    expect(await reader.take('ops')).toMatchObject({ payload: [{ key: 'a' }, { key: 'b' }], user_id: 'alice' });
  });
});

describe('a frame that is wrong', () => {
  test.each([
    ['no JSON', '{', 'not JSON'],
    ['an unknown type', { type: 'nope' }, 'type'],
    ['no key', { type: 'op', payload: { value: 1 } }, 'payload.key: '],
    ['no value', { type: 'op', payload: { key: 'k' } }, 'payload.value: value is missing'],
    ['a deletion without a key', { type: 'op', payload: { deleted: true } }, 'payload.key: '],
    ['a wrong op among others', { type: 'ops', payload: [{ key: 'k', value: 1 }, { key: 'l' }] }, 'payload.1.value: '],
    ['a key that is too long', { type: 'op', payload: { key: 'k'.repeat(257), value: 1 } }, 'payload.key: a key is 1'],
    ['no ops', { type: 'ops', payload: [] }, 'payload'],
    [
      'a lone surrogate',
      '{"type":"op","payload":{"key":"k","value":"\\ud800"}}',
      'payload.value: value is not valid Unicode',
    ],
  ])('(%s) gets an error that names the place, and the connection goes on', async (_, frame, place) => {
    const client = await pod.connect('bad');
    client.send(frame);
    expect(await client.take('error')).toMatchObject({ code: 'bad_request', payload: expect.stringContaining(place) });
    client.send({ type: 'ping' });
    await client.take('pong');
  });

  test('comes ten times in a minute: the connection is closed with 4400', async () => {
    const client = await pod.connect('bad');
    for (let i = 0; i < 10; i += 1) client.send('x');
    expect(await client.closed()).toBe(4400);
  });

  test('is larger than the limit: the connection is closed', async () => {
    const client = await pod.connect('bad');
    client.send({ type: 'op', payload: { key: 'k', value: 'x'.repeat(1 << 20) } });
    expect([1006, 1009]).toContain(await client.closed());
  });
});

describe('rights', () => {
  test('a reader may not write, and is told so', async () => {
    const client = await pod.connect('rights', { token: await token({ scopes: ['read'] }) });
    client.send({ type: 'op', id: 'x', payload: { key: 'k', value: 1 } });
    expect(await client.take('error')).toMatchObject({ payload: "permission_denied: missing 'write' scope", id: 'x' });
  });

  test.each([
    [401, {}, 'nonsense'],
    [403, { workspaces: ['other-*'] }, undefined],
    [403, { scopes: [] }, undefined],
  ])('a request without the right gets %d', async (status, claims, raw) => {
    const authorization = `Bearer ${raw ?? (await token(claims))}`;
    expect((await fetch(pod.url('/v1/workspaces/rights'), { headers: { authorization } })).status).toBe(status);
  });

  test('a session ends with its token, unless it is renewed', async () => {
    const exp = Math.floor(Date.now() / 1000) + 10;
    const [short, renewed] = [
      await pod.connect('expiry', { token: await token({ exp }) }),
      await pod.connect('expiry', { token: await token({ exp }) }),
    ];
    renewed.send({ type: 'auth', token: await token({ exp: exp + 3600 }) });
    expect(await renewed.take('auth')).toMatchObject({ expires_at: exp + 3600 });
    expect(await short.closed()).toBe(4401);
    renewed.send({ type: 'ping' });
    await renewed.take('pong');
  });
});

describe('REST', () => {
  test('writes one op or many, once for an id, and only at the heads that If-Match names', async () => {
    const one = await post('/v1/workspaces/rest/ops', { key: 'a', value: 1, id: 'r1' });
    expect(one.status).toBe(200);
    const { heads } = (await one.json()) as { heads: string[] };
    expect((await post('/v1/workspaces/rest/ops', { key: 'a', value: 1, id: 'r1' })).status).toBe(200);
    const many = await post(
      '/v1/workspaces/rest/ops',
      [
        { key: 'b', value: 2 },
        { key: 'a', deleted: true },
      ],
      {
        'if-match': heads.join(','),
      },
    );
    expect(await many.json()).toMatchObject({ count: 2, durability: 'local' });
    expect(
      (await post('/v1/workspaces/rest/ops', { key: 'c', value: 3 }, { 'if-match': heads.join(',') })).status,
    ).toBe(412);
    expect((await post('/v1/workspaces/rest/ops', { value: 3 })).status).toBe(400);
    expect(await (await pod.connect('rest')).take('init')).toMatchObject({ data: { b: 2 } });
  });

  test('shows health and metrics to everyone', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await fetch(pod.url(path))).status).toBe(200);
    expect(await (await fetch(pod.url('/metrics'))).text()).toContain('etherply_acks_total{durability="local"}');
  });
});
