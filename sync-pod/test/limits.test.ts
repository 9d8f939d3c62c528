import { get } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from '../src/limits/token-bucket.ts';
import { Pod, type TestClient, token, until } from './pod.ts';

let pod: Pod;
afterEach(() => pod?.stop());

const op = (n: number) => ({ type: 'op', id: `op-${n}`, payload: { key: `key-${n % 10}`, value: n } });

/** Sends ops until it is closed; gives how many were acked. */
async function flood(client: TestClient, count: number): Promise<{ acked: number; code: number }> {
  for (let n = 0; n < count; n += 1) client.send(op(n));
  const code = await client.closed();
  let acked = 0;
  for (const frame of client.frames) if (frame.type === 'ack') acked += frame.count;
  return { acked, code };
}

describe('ops a second', () => {
  test('from one connection: it is closed with 4429 and told when to come back; what was acked is there', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_OPS_PER_SECOND: '10' } });
    const client = await pod.connect('fast');
    let reason = '';
    client.socket.on('close', (_, text) => {
      reason = String(text);
    });
    const { acked, code } = await flood(client, 500);
    expect(code).toBe(4429);
    expect(acked).toBeLessThanOrEqual(60);
    expect(JSON.parse(reason)).toEqual({ retry_after_ms: expect.any(Number) });
    const errors = client.frames.filter((frame) => frame.type === 'error');
    expect(errors).toMatchObject([{ code: 'too_fast', id: expect.stringMatching(/^op-/) }]);
    expect(await pod.metric('etherply_rejected_total{reason="too_fast"}')).toBeGreaterThan(0);
    const again = await pod.connect('fast');
    await again.set('k', 1);
  });

  test('to one workspace: over all its connections, and over REST', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '10' } });
    const clients = await Promise.all([1, 2, 3].map(() => pod.connect('shared')));
    const results = await Promise.all(clients.map((client) => flood(client, 200)));
    expect(results.map(({ code }) => code)).toEqual([4429, 4429, 4429]);
    expect(results.reduce((sum, { acked }) => sum + acked, 0)).toBeLessThanOrEqual(80);
    // So many that those that are allowed again while one is under way are soon used up.
    const body = Array.from({ length: 100 }, (_, n) => ({ key: 'k', value: n }));
    let answer = await pod.request('POST', '/v1/workspaces/shared/ops', { body });
    while (answer.status === 200) answer = await pod.request('POST', '/v1/workspaces/shared/ops', { body });
    expect(answer).toMatchObject({ status: 429, body: { error: { code: 'too_fast' } } });
    expect(answer.headers.get('retry-after')).toBe('1');
    await (await pod.connect('another')).set('k', 1);
  });

  test('also count what is no op: pings and presence', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_OPS_PER_SECOND: '10' } });
    const [pings, presence] = [await pod.connect('pings'), await pod.connect('presence')];
    for (let n = 0; n < 200; n += 1) {
      pings.send({ type: 'ping' });
      presence.send({ type: 'presence', payload: n });
    }
    expect([await pings.closed(), await presence.closed()]).toEqual([4429, 4429]);
  });

  test('do not keep a message from passing that is larger than all that may pass at once', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_OPS_PER_SECOND: '10', ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '10' } });
    const client = await pod.connect('large');
    client.send({ type: 'ops', payload: Array.from({ length: 500 }, (_, n) => ({ key: `key-${n}`, value: n })) });
    expect(await client.take('ack')).toMatchObject({ count: 500 });
    client.send(op(1));
    expect(await client.closed()).toBe(4429);
  });
});

test('a bucket lets through no more than its rate and one burst, over any time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 1, max: 60 })), { maxLength: 60 }),
      (rate, burst, steps) => {
        const bucket = new TokenBucket(rate, burst, 0);
        let [now, passed, largest] = [0, 0, 0];
        for (const [wait, count] of steps) {
          now += wait;
          if (!bucket.take(count, now)) {
            expect(bucket.waitMs(now)).toBeGreaterThan(0);
            expect(new TokenBucket(rate, burst, 0).take(count, now)).toBe(true);
            continue;
          }
          passed += count;
          largest = Math.max(largest, count);
        }
        expect(passed).toBeLessThanOrEqual((rate * now) / 1000 + burst + largest);
      },
    ),
  );
});

test('a tenant at its limit takes nothing from another one', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '50' }, shards: 2 });
  let isOver = false;
  const greedy = async () => {
    let sent = 0;
    while (!isOver) {
      const client = await pod.connect('greedy:board');
      sent += (await flood(client, 2000)).acked;
    }
    return sent;
  };
  const start = Date.now();
  const flooding = [greedy(), greedy()];
  const [writer, reader] = [await pod.connect('modest:board'), await pod.connect('modest:board')];
  for (let n = 0; n < 150; n += 1) {
    const ack = await writer.set('n', n);
    expect(ack.count).toBe(1);
    expect(await reader.take('op')).toMatchObject({ payload: { value: n } });
  }
  isOver = true;
  const acked = (await Promise.all(flooding)).reduce((sum, one) => sum + one, 0);
  const seconds = (Date.now() - start) / 1000;
  // A rate of 50, four seconds' worth at once, and what the last message of a frame takes beyond.
  expect(acked).toBeLessThanOrEqual(50 * seconds + 210);
  expect(await pod.metric('etherply_rejected_total{reason="too_fast"}')).toBeGreaterThan(0);
  expect([writer.closeCode, reader.closeCode]).toEqual([undefined, undefined]);
});

describe('connections', () => {
  test('of a pod, and of a workspace', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS: '4', ETHERPLY_MAX_CONNECTIONS_PER_WORKSPACE: '2' } });
    const first = await pod.connect('one');
    await pod.connect('one');
    await expect(pod.connect('one')).rejects.toThrow('503');
    await pod.connect('two');
    await pod.connect('three');
    await expect(pod.connect('four')).rejects.toThrow('503');
    expect(await pod.metric('etherply_connections_refused_total{limit="workspace"}')).toBe(1);
    expect(await pod.metric('etherply_connections_refused_total{limit="pod"}')).toBe(1);
    first.close();
    await until(async () => (await pod.metric('etherply_connections')) === 3);
    await pod.connect('one');
  });

  test('of an address, also behind a proxy', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS_PER_IP: '1', ETHERPLY_TRUST_PROXY: 'true' } });
    const from = (address: string) => pod.connect('addresses', {}, { 'x-forwarded-for': address });
    const first = await from('spoofed, 10.0.0.1');
    await from('10.0.0.2');
    await expect(from('other, 10.0.0.1')).rejects.toThrow('503');
    expect(await pod.metric('etherply_connections_refused_total{limit="address"}')).toBe(1);
    first.close();
    await until(async () => (await pod.metric('etherply_connections')) === 1);
    await from('10.0.0.1');
  });

  test('of an address are not taken for those of another that a client claims in a line of its own', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS_PER_IP: '1', ETHERPLY_TRUST_PROXY: 'true' } });
    const from = async (claimed: string) => {
      const request = get(pod.url(`/v1/sync/lines?token=${await token()}`), {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          'x-forwarded-for': [claimed, '10.0.0.1'],
        },
      });
      return new Promise<number | undefined>((resolve, reject) => {
        request.once('upgrade', (_, socket) => {
          if (socket instanceof Socket) socket.unref();
          resolve(101);
        });
        request.once('response', ({ statusCode }) => resolve(statusCode));
        request.once('error', reject);
      });
    };
    expect([await from('10.0.0.8'), await from('10.0.0.9')]).toEqual([101, 503]);
  });

  test('that are refused or abandoned give their place back', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS: '2', ETHERPLY_MAX_CONNECTIONS_PER_IP: '2' } });
    for (let n = 0; n < 5; n += 1) await expect(pod.connect('x', { token: 'wrong' })).rejects.toThrow('401');
    for (let n = 0; n < 5; n += 1) {
      const gone = await pod.connect('x');
      gone.socket.terminate();
    }
    await until(async () => (await pod.metric('etherply_connections')) === 0);
    await pod.connect('x');
    await pod.connect('x');
  });

  test('from an address that a client only claims are counted by where they come from', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS_PER_IP: '1' } });
    await pod.connect('claims', {}, { 'x-forwarded-for': '10.0.0.1' });
    await expect(pod.connect('claims', {}, { 'x-forwarded-for': '10.0.0.2' })).rejects.toThrow('503');
  });
});

describe.each(['automerge', 'lww', 'server-auth'] as const)('the size of a workspace with %s', (strategy) => {
  test('is bounded in keys and bytes; what makes it no larger passes', async () => {
    pod = await Pod.start({ env: { ETHERPLY_MAX_WORKSPACE_KEYS: '3', ETHERPLY_MAX_WORKSPACE_BYTES: '1024' } });
    await pod.configure('small', { strategy });
    const client = await pod.connect('small');
    for (const key of ['a', 'b', 'c']) await client.set(key, 1);
    client.send({ type: 'op', id: 'd', payload: { key: 'd', value: 1 } });
    expect(await client.take('error')).toMatchObject({ code: 'quota_exceeded', id: 'd' });
    await client.set('a', 2);
    client.send({ type: 'op', payload: { key: 'b', deleted: true } });
    await client.take('ack');
    await client.set('d', 1, 'd');
    client.send({ type: 'op', payload: { key: 'a', value: 'x'.repeat(1024) } });
    expect(await client.take('error')).toMatchObject({ code: 'quota_exceeded' });
    await client.set('a', 'x'.repeat(900));
    client.send({ type: 'op', payload: { key: 'c', value: 'x'.repeat(200) } });
    expect(await client.take('error')).toMatchObject({ code: 'quota_exceeded' });
    await client.set('a', 'short');
    await client.set('c', 'x'.repeat(200));
    expect(await pod.metric('etherply_rejected_total{reason="quota_exceeded"}')).toBe(3);
    const answer = await pod.request('POST', '/v1/workspaces/small/ops', { body: { key: 'e', value: 1 } });
    expect(answer).toMatchObject({ status: 507, body: { error: { code: 'quota_exceeded' } } });
    // It is the same workspace after a crash.
    await pod.end('SIGKILL');
    await pod.restart();
    const back = await pod.connect('small');
    back.send({ type: 'op', payload: { key: 'e', value: 1 } });
    expect(await back.take('error')).toMatchObject({ code: 'quota_exceeded' });
  });
});

test('a presence payload, a message and the bytes towards a client are bounded by what is configured', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_PRESENCE_BYTES: '10', ETHERPLY_MAX_MESSAGE_BYTES: '2000' } });
  const client = await pod.connect('bounds', { token: await token({ sub: 'a' }) });
  client.send({ type: 'presence', payload: 'x'.repeat(9) });
  expect(await client.take('error')).toMatchObject({ code: 'too_large' });
  client.send({ type: 'op', payload: { key: 'k', value: 'x'.repeat(2000) } });
  expect(await client.closed()).toBe(1009);
  expect(await pod.metric('etherply_rejected_total{reason="too_large"}')).toBe(2);
});

test('workspaces that are only read over REST do not fill the memory', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_IDLE_BYTES: '1000000', ETHERPLY_WORKSPACE_IDLE_SECONDS: '3600' } });
  const used = await pod.connect('used');
  for (let n = 0; n < 30; n += 1) {
    const body = { key: 'k', value: 'x'.repeat(100_000) };
    await pod.request('POST', `/v1/workspaces/large-${n}/ops`, { body });
  }
  expect(await pod.metric('etherply_workspaces_open')).toBeLessThanOrEqual(10);
  for (let n = 0; n < 300; n += 1) await pod.read(`empty-${n}`);
  expect(await pod.metric('etherply_workspaces_open')).toBeLessThanOrEqual(246);
  await used.set('still', 'here');
  expect((await pod.read('large-0')).data.k).toHaveLength(100_000);
});

test('the quota of keys cannot be passed by deleting the same key over and over in one turn', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_WORKSPACE_KEYS: '10' } });
  const client = await pod.connect('tricks');
  for (let n = 0; n < 10; n += 1) await client.set(`held-${n}`, n);
  const trick = (n: number) => ({
    type: 'ops',
    id: `trick-${n}`,
    payload: [
      ...Array.from({ length: 10 }, (_, i) => ({ key: `held-${i}`, deleted: true })),
      ...Array.from({ length: 10 }, (_, i) => ({ key: `new-${n}-${i}`, value: 1 })),
    ],
  });
  for (let n = 0; n < 8; n += 1) client.send(trick(n));
  for (let answers = 0; answers < 8; ) {
    const frame = await client.take('ack', 'error');
    answers += frame.type === 'ack' ? frame.ids.length : 1;
  }
  expect(Object.keys((await pod.read('tricks')).data)).toHaveLength(10);
});

test.each(['automerge', 'lww', 'server-auth'] as const)('deleted keys of %s are bounded, too', async (strategy) => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_WORKSPACE_KEYS: '10' } });
  await pod.configure('deleted', { strategy });
  const client = await pod.connect('deleted');
  let refused = 0;
  for (let n = 0; n < 40; n += 1) {
    client.send({ type: 'op', payload: { key: `key-${n}`, value: n } });
    if ((await client.take('ack', 'error')).type === 'error') refused += 1;
    client.send({ type: 'op', payload: { key: `key-${n}`, deleted: true } });
    await client.take('ack');
  }
  expect(refused).toBe(20);
});

test('a user that names itself has a name of bounded length', async () => {
  pod = await Pod.start();
  const anonymous = await token({ sub: undefined });
  for (const userId of ['', 'x'.repeat(257)]) {
    await expect(pod.connect('names', { token: anonymous, userId })).rejects.toThrow('400');
    const path = `/v1/workspaces/names/ops?userId=${userId}`;
    const answer = await pod.request('POST', path, { body: { key: 'k', value: 1 }, claims: { sub: undefined } });
    expect(answer.status).toBe(400);
  }
  const client = await pod.connect('names', { token: anonymous, userId: 'zoë' });
  expect(await client.take('init')).toMatchObject({ user_id: 'zoë' });
});
