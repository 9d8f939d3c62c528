import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { closeAll, next, open, seen } from './clients.ts';
import { ScriptedServer } from './scripted-server.ts';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(async () => {
  await closeAll();
  server.stop();
});

test('the token is sent as second subprotocol and not in the URL', async () => {
  const client = open({ url: server.url, workspace: 'a:b', token: async () => 'secret' });
  const peer = await server.accept();
  expect(peer.token).toBe('secret');
  expect(peer.url.href).toBe('ws://test/v1/sync/a%3Ab');
  peer.init();
  await client.ready();
});

test('an unacked op is sent again under its id, before newer ones, and its promise resolves', async () => {
  const client = open({ url: server.url });
  const first = await server.accept();
  first.init();
  const acked = client.set('k', 1);
  const sent = await first.take('op');
  first.cut();
  const later = client.transact([
    { key: 'a', value: 1 },
    { key: 'b', deleted: true },
  ]);
  const second = await server.accept();
  second.delta([], ['h0']);
  expect(await second.take('op')).toEqual(sent);
  const transaction = await second.take('ops');
  expect(transaction.payload).toMatchObject([
    { key: 'a', value: 1 },
    { key: 'b', deleted: true },
  ]);
  second.ack([sent.id, transaction.id]);
  expect(await acked).toEqual({ heads: ['h1'], durability: 'local' });
  await later;
  expect(client.pendingCount).toBe(0);
});

test('an op that could not be written now is sent again under its id on the next connection', async () => {
  const client = open({ url: server.url, backoff: { minMs: 1 } });
  const first = await server.accept();
  first.init();
  const acked = client.set('k', 1);
  const sent = await first.take('op');
  first.send({ type: 'error', code: 'unavailable', payload: 'unavailable: try again later', id: sent.id });
  const second = await server.accept();
  second.init();
  expect(await second.take('op')).toEqual(sent);
  second.ack([sent.id]);
  await acked;
});

test('what others wrote after an op whose ack was lost stays: the server tells it again after the ack', async () => {
  const client = open({ url: server.url });
  const first = await server.accept();
  first.init();
  const acked = client.set('k', 'mine');
  const { id } = await first.take('op');
  first.cut();
  const second = await server.accept();
  second.delta([{ key: 'k', value: 'theirs', timestamp: 5 }], ['h2']);
  await second.take('op');
  second.ack([id], ['h2']);
  second.send({ type: 'ops', payload: [{ key: 'k', value: 'theirs', timestamp: 5 }], user_id: '', heads: ['h2'] });
  await acked;
  await seen(client, () => client.get('k') === 'theirs');
  expect(client.confirmed.get('k')).toBe('theirs');
});

test('it comes back with heads of which it has every frame', async () => {
  const client = open({ url: server.url });
  const first = await server.accept();
  first.init({}, { heads: ['h0'] });
  const op = (key: string, head: string) =>
    first.send({ type: 'ops', payload: [{ key, value: 1, timestamp: 1 }], user_id: 'bob', heads: [head] });
  op('a', 'h1');
  op('b', 'h2');
  await next(client, 'change', ({ keys }) => keys.includes('b'));
  expect(client.heads).toEqual(['h2']);
  first.cut();
  // Another frame of the commit h2 may have been on its way.
  expect((await server.accept()).url.searchParams.get('heads')).toBe('h1');
});

test('after 1012 it waits as long as the server says', async () => {
  const client = open({ url: server.url, random: () => 1, backoff: { minMs: 60_000, maxMs: 60_000 } });
  const first = await server.accept();
  first.init();
  await client.ready();
  first.close(1012, '{"retry_after_ms":150}');
  await next(client, 'status', (status) => status === 'waiting');
  const since = performance.now();
  (await server.accept()).init();
  expect(performance.now() - since).toBeGreaterThan(120);
});

test('what came too fast is sent again, not sooner than the server says', async () => {
  const client = open({ url: server.url, random: () => 0 });
  const first = await server.accept();
  first.init();
  const acked = client.set('k', 1);
  const sent = await first.take('op');
  first.send({ type: 'error', code: 'too_fast', payload: 'too_fast: more than it may take', id: sent.id });
  first.close(4429, '{"retry_after_ms":150}');
  await next(client, 'status', (status) => status === 'waiting');
  const since = performance.now();
  const second = await server.accept();
  expect(performance.now() - since).toBeGreaterThan(120);
  second.init();
  expect(await second.take('op')).toEqual(sent);
  second.ack([sent.id]);
  await acked;
});

test('after 4401 it comes back at once with another token', async () => {
  const tokens = ['old', 'new'];
  const client = open({
    url: server.url,
    token: () => tokens.shift() ?? 'none',
    random: () => 1,
    backoff: { minMs: 60_000 },
  });
  const first = await server.accept();
  first.init();
  await client.ready();
  first.close(4401, 'token expired');
  expect((await server.accept()).token).toBe('new');
});

test('a token that ends at once each time does not make it come back at once each time', async () => {
  const backoff = { minMs: 60_000, maxMs: 60_000 };
  open({ url: server.url, token: () => 'short', random: () => 0.002, backoff });
  (await server.accept()).close(4401);
  const second = await server.accept();
  const since = performance.now();
  second.close(4401);
  await server.accept();
  expect(performance.now() - since).toBeGreaterThan(100);
});

test.each([
  [4400, 'bad_request'],
  [4401, 'token_expired'],
  [4403, 'permission_denied'],
  [4410, 'workspace_deleted'],
])('after %d it is closed for good with %s', async (code, error) => {
  const client = open({ url: server.url, token: 'the-only-one' });
  const peer = await server.accept();
  const closed = next(client, 'closed');
  const acked = client.set('k', 1);
  peer.close(code, 'why');
  expect(await closed).toMatchObject({ code: error, message: `${error}: why` });
  await expect(acked).rejects.toMatchObject({ code: error });
  await expect(client.ready()).rejects.toMatchObject({ code: error });
  await expect(client.set('k', 2)).rejects.toMatchObject({ code: error });
  expect(client.status).toBe('closed');
  expect(client.get('k')).toBe(1);
});

test.each([1000, 1001, 1011, 4408, 4429])('after %d it tries again', async (code) => {
  open({ url: server.url });
  (await server.accept()).close(code);
  await server.accept();
});

test('a callback for a token that throws is told, and asked again', async () => {
  let calls = 0;
  const client = open({
    url: server.url,
    token: async () => {
      calls += 1;
      if (calls === 1) throw new Error('offline');
      return 'token';
    },
  });
  expect(await next(client, 'error')).toMatchObject({ code: 'token_failed', message: 'token_failed: offline' });
  (await server.accept()).init();
  await client.ready();
});

test('what cannot be a token is told and not sent', async () => {
  const client = open({ url: server.url, token: 'not a token' });
  expect(await next(client, 'error')).toMatchObject({ code: 'token_failed' });
});

test('a server that does not answer a ping has gone', async () => {
  const client = open({ url: server.url, heartbeat: { idleMs: 30, timeoutMs: 5000 } });
  const first = await server.accept();
  first.init();
  await first.take('ping');
  first.send({ type: 'pong' });
  await first.take('ping');
  expect(await next(client, 'error')).toMatchObject({ code: 'connection_lost' });
  await server.accept();
});

test('what is no frame is told, and a frame of another time is left alone', async () => {
  const client = open({ url: server.url });
  const errors: string[] = [];
  client.on('error', ({ code }) => errors.push(code));
  const peer = await server.accept();
  for (const text of ['no JSON', 'null', '[]', '"text"', '{"type":"of another time"}']) peer.send(text);
  peer.init({ k: 1 });
  await client.ready();
  expect(errors).toEqual(['bad_frame', 'bad_frame', 'bad_frame', 'bad_frame']);
  expect(client.toJSON()).toEqual({ k: 1 });
});

test('a message longer than the server takes is dropped, so that it does not end each connection', async () => {
  const client = open({ url: server.url });
  const first = await server.accept();
  first.init();
  const [short, long] = [client.set('short', 1), client.set('long', 'x'.repeat(1000))];
  await first.take('op');
  await first.take('op');
  first.close(1009);
  await expect(long).rejects.toMatchObject({ code: 'too_large' });
  expect(client.toJSON()).toEqual({ short: 1 });
  const second = await server.accept();
  second.init();
  second.ack([(await second.take('op')).id]);
  await short;
});

test('when a browser is online again, it does not wait', async () => {
  const listeners = new Map<string, () => void>();
  Object.assign(globalThis, {
    addEventListener: (type: string, listener: () => void) => listeners.set(type, listener),
    removeEventListener: (type: string) => listeners.delete(type),
  });
  const client = open({ url: server.url, random: () => 1, backoff: { minMs: 60_000, maxMs: 60_000 } });
  (await server.accept()).cut();
  await next(client, 'status', (status) => status === 'waiting');
  listeners.get('online')?.();
  (await server.accept()).init();
  await client.ready();
  await client.close();
  expect(listeners.size).toBe(0);
  Reflect.deleteProperty(globalThis, 'addEventListener');
  Reflect.deleteProperty(globalThis, 'removeEventListener');
});

test('close rejects what is pending, and keeps it', async () => {
  const client = open({ url: server.url });
  const acked = client.set('k', 1);
  const closed = next(client, 'closed');
  await client.close();
  expect(await closed).toBeUndefined();
  await expect(acked).rejects.toMatchObject({ code: 'closed' });
  expect(client.status).toBe('closed');
});

test('a thousand messages are in flight at most', async () => {
  const client = open({ url: server.url });
  const acked = Promise.all(Array.from({ length: 1001 }, (_, n) => client.set(`k${n}`, n)));
  const peer = await server.accept();
  peer.init();
  const ids: (string | undefined)[] = [];
  for (let n = 0; n < 1000; n += 1) ids.push((await peer.take('op')).id);
  client.setPresence(null);
  await peer.take('presence');
  peer.ack(ids);
  peer.ack([(await peer.take('op')).id]);
  await acked;
});
