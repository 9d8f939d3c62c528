import { type Client, memoryOutbox, type Rejection } from '@etherply/client';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { closeAll, next, open } from './clients.ts';
import { type Peer, ScriptedServer } from './scripted-server.ts';

let server: ScriptedServer;
let client: Client;
let peer: Peer;
beforeEach(async () => {
  server = await ScriptedServer.start();
  client = open({ url: server.url, maxPending: 2, maxMessageBytes: 200 });
  peer = await server.accept();
  peer.init({ k: 'before', other: 1 });
  await client.ready();
});
afterEach(async () => {
  await closeAll();
  server.stop();
});

test('a rejected transaction has no effect, and its key holds what the server says', async () => {
  const rejections: Rejection[] = [];
  client.on('rejected', (rejection) => rejections.push(rejection));
  const acked = client.transact((tx) => {
    tx.set('k', 'mine');
    tx.delete('other');
  });
  expect(client.toJSON()).toEqual({ k: 'mine' });
  const { id } = await peer.take('ops');
  const changed = next(client, 'change');
  peer.send({ type: 'reject', id, key: 'k', code: 'step_too_large', message: 'why', value: 'theirs', heads: ['h0'] });
  await expect(acked).rejects.toMatchObject({ code: 'step_too_large', key: 'k', message: 'step_too_large: why' });
  expect(await changed).toEqual({ keys: ['k', 'other'], origin: 'remote', userId: undefined });
  expect(client.toJSON()).toEqual({ k: 'theirs', other: 1 });
  expect(rejections).toMatchObject([{ message: { id }, error: { code: 'step_too_large' } }]);
  expect(client.pendingCount).toBe(0);
});

test('where the server holds nothing, neither does the client after a reject', async () => {
  const acked = client.set('new', 1);
  const { id } = await peer.take('op');
  peer.send({ type: 'reject', id, key: 'k', code: 'schema_violation', message: 'why', deleted: true, heads: ['h0'] });
  await expect(acked).rejects.toMatchObject({ code: 'schema_violation' });
  expect(client.toJSON()).toEqual({ other: 1 });
});

test('an error with the id of a message refuses it, without an id it is told as an event', async () => {
  const acked = client.set('k', 'mine');
  const { id } = await peer.take('op');
  const payload = "permission_denied: missing 'write' scope";
  peer.send({ type: 'error', code: 'permission_denied', payload, id });
  await expect(acked).rejects.toMatchObject({ code: 'permission_denied', message: payload });
  expect(client.get('k')).toBe('before');
  const told = next(client, 'error');
  peer.send({ type: 'error', code: 'too_large', payload: 'too_large: presence' });
  expect(await told).toMatchObject({ code: 'too_large', message: 'too_large: presence' });
});

test('a message of an earlier run that is refused is told as an event, and leaves the outbox', async () => {
  const outbox = memoryOutbox();
  await outbox.put({ id: 'earlier', ops: [{ key: 'k', value: 'mine', timestamp: 1 }] });
  const heir = open({ url: server.url, outbox });
  const one = await server.accept();
  one.init({ k: 'before' });
  expect((await one.take('op')).id).toBe('earlier');
  const told = next(heir, 'rejected');
  one.send({ type: 'error', code: 'permission_denied', payload: 'permission_denied: no', id: 'earlier' });
  expect(await told).toMatchObject({ message: { id: 'earlier' }, error: { code: 'permission_denied' } });
  expect(heir.get('k')).toBe('before');
  await heir.close();
  expect(await outbox.load()).toEqual([]);
});

test('more writes than may be pending are refused', async () => {
  void client.set('a', 1);
  void client.set('b', 1);
  await expect(client.set('c', 1)).rejects.toMatchObject({ code: 'too_many_pending' });
  expect(client.has('c')).toBe(false);
});

test.each([
  ['bad_request', '', 1],
  ['bad_request', 'é'.repeat(129), 1],
  ['bad_request', 'k', undefined],
  ['bad_request', 'k', () => 1],
  ['too_large', 'k', 'é'.repeat(90)],
])('what the server would refuse with %s is refused here', async (code, key, value) => {
  await expect(client.set(key, value as never)).rejects.toMatchObject({ code });
  expect(client.pendingCount).toBe(0);
  expect(client.get('k')).toBe('before');
});

test('a transaction without writes is refused, and so is one whose function throws', async () => {
  await expect(client.transact([])).rejects.toMatchObject({ code: 'bad_request' });
  const thrown = client.transact(() => {
    throw new Error('of the caller');
  });
  await expect(thrown).rejects.toThrow('of the caller');
});

test('a value is what it was when it was written, whatever becomes of the object', async () => {
  const value = { list: [1] };
  void client.set('object', value);
  value.list.push(2);
  expect(client.get('object')).toEqual({ list: [1] });
  expect((await peer.take('op')).payload).toMatchObject({ value: { list: [1] } });
});

test('a write comes after what was seen, also where the clock of this machine is behind', async () => {
  const timestamp = (Date.now() + 30_000) * 1000;
  peer.send({ type: 'ops', payload: [{ key: 'k', value: 'ahead', timestamp }], user_id: 'bob', heads: ['h1'] });
  await next(client, 'change');
  void client.set('k', 'mine');
  expect((await peer.take('op')).payload.timestamp).toBe(timestamp + 1);
});

test('but not after a time that is out of all reason', async () => {
  const op = { key: 'k', value: 'mad', timestamp: Number.MAX_SAFE_INTEGER };
  peer.send({ type: 'ops', payload: [op], user_id: 'bob', heads: ['h1'] });
  await next(client, 'change');
  void client.set('k', 'mine');
  expect((await peer.take('op')).payload.timestamp).toBeLessThanOrEqual((Date.now() + 60_000) * 1000 + 1);
});

test('a listener that throws is reported and stops nobody', async () => {
  const reports = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined);
  const keys: string[] = [];
  client.on('change', () => {
    throw new Error('of a listener');
  });
  client.on('change', (change) => keys.push(...change.keys));
  void client.set('k', 1);
  expect(keys).toEqual(['k']);
  expect(reports.mock.calls[0]?.[0]).toThrow('of a listener');
  reports.mockRestore();
});
