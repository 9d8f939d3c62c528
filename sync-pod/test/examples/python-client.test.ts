import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { historyAnswer, type Json } from '@etherply/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Pod, token, until } from '../pod.ts';
import { EXAMPLES, interpreter, PythonClient } from './python.ts';
import { Wire } from './wire.ts';

let pod: Pod;
let wire: Wire;
const clients: PythonClient[] = [];

beforeEach(async () => {
  pod = await Pod.start({ env: { SHUTDOWN_TIMEOUT_SECONDS: '10' } });
  wire = await Wire.open(() => pod.port);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.stop();
  await wire.close();
  await pod.stop();
});

async function python(workspace: string, claims: Record<string, unknown> = {}): Promise<PythonClient> {
  const client = await PythonClient.connect(wire.url, workspace, await token({ sub: 'python', ...claims }));
  clients.push(client);
  return client;
}

/** Everything that was ever written to a key, oldest first. */
async function writesTo(workspace: string, key: string): Promise<Json[]> {
  const { body } = await pod.request('GET', `/v1/history/${workspace}`);
  const ops = historyAnswer.parse(body).flatMap((commit) => commit.ops.toReversed());
  return ops
    .toReversed()
    .filter((op) => op.key === key)
    .map((op) => ('value' in op ? op.value : null));
}

test('the example has at most 60 lines', () => {
  const lines = readFileSync(`${EXAMPLES}etherply_client.py`, 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(60);
  expect(lines.filter((line) => line.length > 120)).toEqual([]);
});

test('as a program it sets keys and prints the state', async () => {
  const args = [`${EXAMPLES}etherply_client.py`, wire.url, 'demo', await token(), 'greeting=hello', 'sum=1+1=2'];
  const { stdout } = await promisify(execFile)(interpreter(), args, { env: {} });
  expect(JSON.parse(stdout)).toEqual({ greeting: 'hello', sum: '1+1=2' });
  expect((await pod.read('demo')).data).toEqual({ greeting: 'hello', sum: '1+1=2' });
});

test('a JavaScript client and the Python client see what the other writes', async () => {
  const js = await pod.connect('both', { presence: '0' });
  await js.set('before', [1, null]);
  const client = await python('both');
  const value = { text: 'Grüße, 世界 🎉', list: [1.5, -0.25, true, null], '': {} };
  expect(await client.set('card:1', value)).toBe('acked');
  expect(await js.take('op')).toMatchObject({ payload: { key: 'card:1', value }, user_id: 'python' });
  js.send({
    type: 'ops',
    id: 't',
    payload: [
      { key: 'before', deleted: true },
      { key: 'card:2', value: 'from js' },
    ],
  });
  await js.take('ack');
  await client.until('card:2', 'from js');
  expect(await client.settled()).toEqual({ 'card:1': value, 'card:2': 'from js' });
  expect((await pod.read('both')).data).toEqual(await client.settled());
});

test('an op that a crash kept from the pod is sent again', async () => {
  const client = await python('lost');
  await client.set('n', 1);
  wire.loses = 'requests';
  const acked = client.set('n', 2);
  await until(async () => wire.lost > 0);
  await pod.end('SIGKILL');
  wire.loses = 'nothing';
  await pod.restart();
  expect(await acked).toBe('acked');
  expect(await writesTo('lost', 'n')).toEqual([1, 2]);
  expect((await pod.read('lost')).data).toEqual(await client.settled());
});

test('an op whose ack a crash took takes effect once, and what came after it stays', async () => {
  const client = await python('twice');
  await client.set('n', 1);
  wire.loses = 'answers';
  const acked = client.set('n', 2);
  await until(async () => (await pod.read('twice')).data.n === 2);
  await pod.request('POST', '/v1/workspaces/twice/ops', { body: { key: 'n', value: 3 } });
  await pod.end('SIGKILL');
  wire.loses = 'nothing';
  await pod.restart();
  expect(await acked).toBe('acked');
  expect(await client.settled()).toEqual({ n: 3 });
  expect(await writesTo('twice', 'n')).toEqual([1, 2, 3]);
  expect((await pod.read('twice')).data).toEqual({ n: 3 });
});

test('it takes what a server-authoritative workspace says instead', async () => {
  const rules = [
    { key: 'score', max_step: 10 },
    { key: 'admin:*', writers: [{ scope: 'admin' }] },
  ];
  await pod.configure('game', { strategy: 'server-auth', rules });
  const client = await python('game', { scopes: ['read', 'write'] });
  expect(await client.set('score', 5)).toBe('acked');
  expect(await client.set('score', 500)).toBe('step_too_large');
  expect(await client.set('admin:motd', 'mine')).toBe('writer_not_allowed');
  expect(await client.set('', 1)).toBe('bad_request');
  expect(await client.set('score', 15)).toBe('acked');
  expect(await client.settled()).toEqual({ score: 15 });
  expect((await pod.read('game')).data).toEqual({ score: 15 });
});

test('in a last-write-wins workspace it takes the write that won', async () => {
  await pod.configure('lww', { strategy: 'lww' });
  const js = await pod.connect('lww', { presence: '0' });
  js.send({ type: 'op', payload: { key: 'k', value: 'far ahead', timestamp: (Date.now() + 50_000) * 1000 } });
  await js.take('ack');
  const client = await python('lww');
  expect(await client.set('k', 'without a time')).toBe('acked');
  expect(await client.settled()).toEqual((await pod.read('lww')).data);
});

test('a pod that restarts says when to come back, and it does', async () => {
  const client = await python('restarted');
  await client.set('n', 1);
  expect(await pod.end('SIGTERM')).toBe(0);
  await pod.restart();
  expect(await client.set('n', 2)).toBe('acked');
  expect((await pod.read('restarted')).data).toEqual({ n: 2 });
});

test('told that it is too fast, it waits for as long as it is told', async () => {
  await pod.end('SIGKILL');
  await pod.restart({ ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '1' });
  const client = await python('fast');
  for (let n = 1; n <= 6; n += 1) expect(await client.set('n', n)).toBe('acked');
  expect(await writesTo('fast', 'n')).toEqual([1, 2, 3, 4, 5, 6]);
  // Four pass at once, and one each second after that: who asks again sooner is refused more often.
  expect(await pod.metric('etherply_rejected_total{reason="too_fast"}')).toBeLessThanOrEqual(2);
});

test('a token that is not accepted ends it', async () => {
  await expect(PythonClient.connect(wire.url, 'w', 'nonsense')).rejects.toThrow('401');
});
