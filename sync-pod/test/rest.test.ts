import { historyAnswer, presenceAnswer, statsAnswer, usageAnswer } from '@etherply/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Pod, token } from './pod.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start();
});
afterAll(() => pod.stop());

test('/openapi.json is a valid OpenAPI 3.1 document', async () => {
  const description = await (await fetch(pod.url('/openapi.json'))).json();
  const validator = new Validator();
  expect(await validator.validate(description as Record<string, unknown>)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

describe('usage', () => {
  test('counts messages, ops and bytes, and survives a drain and a restart', async () => {
    const client = await pod.connect('used');
    const frames = [
      { type: 'op', payload: { key: 'k', value: 1 } },
      {
        type: 'ops',
        payload: [
          { key: 'k', value: 'ключ' },
          { key: 'l', value: 2 },
        ],
      },
    ];
    for (const frame of frames) {
      client.send(frame);
      await client.take('ack');
    }
    const body = { key: 'k', value: 3 };
    await pod.request('POST', '/v1/workspaces/used/ops', { body });
    const bytes = [...frames, body].reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)), 0);
    const counted = { messages: 3, ops: 4, bytes };
    const usage = async () => usageAnswer.parse((await pod.request('GET', '/v1/usage/used')).body);
    expect(await usage()).toMatchObject({ workspace_id: 'used', ...counted });
    await client.set('more', 1);
    await pod.end('SIGTERM');
    await pod.restart();
    const after = await usage();
    expect(after).toMatchObject({ messages: 4, ops: 5 });
    expect(after.hours.reduce((sum, hour) => sum + hour.messages, 0)).toBe(4);
  });

  test('is asked for by time', async () => {
    await (await pod.connect('timed')).set('k', 1);
    const ask = async (query: string) => pod.request('GET', `/v1/usage/timed?${query}`);
    const hour = 3_600_000;
    const at = (ms: number) => new Date(ms).toISOString();
    expect((await ask(`start=${at(Date.now() - hour)}&end=${at(Date.now() + hour)}`)).body).toMatchObject({ ops: 1 });
    expect((await ask(`start=${at(Date.now() - 5 * hour)}&end=${at(Date.now() - 3 * hour)}`)).body).toMatchObject({
      ops: 0,
    });
    const seconds = Math.floor(Date.now() / 1000);
    expect((await ask(`start=${seconds - 60}&end=${seconds + 60}`)).body).toMatchObject({ ops: 1 });
    for (const query of ['start=yesterday', `start=${seconds}&end=${seconds - 1}`, 'start=0']) {
      expect(await ask(query)).toMatchObject({ status: 400, body: { error: { code: 'bad_request' } } });
    }
  });

  test('loses at most what was counted since the last flush in a crash', async () => {
    const crashing = await Pod.start({ env: { ETHERPLY_USAGE_FLUSH_SECONDS: '3600' } });
    try {
      const client = await crashing.connect('crash');
      await client.set('k', 1);
      const usage = async () => (await crashing.request('GET', '/v1/usage/crash')).body;
      expect(await usage()).toMatchObject({ messages: 1 }); // writes what was counted
      await client.set('k', 2);
      await crashing.end('SIGKILL');
      await crashing.restart();
      expect(await usage()).toMatchObject({ messages: 1 });
    } finally {
      await crashing.stop();
    }
  });
});

test('stats count what the pod does', async () => {
  const client = await pod.connect('counted');
  await client.set('k', 1);
  const stats = statsAnswer.parse((await pod.request('GET', '/v1/stats')).body);
  expect(stats.ops).toBeGreaterThan(0);
  expect(stats.acks).toBeGreaterThan(0);
  expect(stats.connections).toBeGreaterThan(0);
  expect(stats.received_bytes).toBeGreaterThan(0);
});

describe('what a request gets that asks for', () => {
  test.each([
    ['GET', '/v1/history/x?limit=0', 400],
    ['GET', '/v1/history/x?limit=1001', 400],
    ['GET', '/v1/history/x?limit=many', 400],
    ['GET', `/v1/history/x?before=${'ab'.repeat(32)}`, 404],
    ['GET', '/v1/history/x?before=nonsense', 404],
    ['GET', `/v1/workspaces/x?heads=${'ab'.repeat(32)}`, 404],
    ['GET', '/v1/workspaces/%20', 400],
    ['GET', '/v1/workspaces/-x', 400],
    ['GET', '/v1/nothing', 404],
    ['DELETE', '/v1/nothing', 404],
  ] as const)('%s %s is %d', async (method, path, status) => {
    const answer = await pod.request(method, path);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
  });

  test.each([
    [{}, /strategy/],
    [{ strategy: 'best' }, /strategy/],
    [{ strategy: 'lww', unknown: 1 }, /unknown/i],
    [{ strategy: 'lww', schema: { type: 'object' } }, /server-auth/],
    [{ strategy: 'server-auth', schema: { type: 'nonsense' } }, /schema/],
    [{ strategy: 'server-auth', schema: { $ref: 'https://example.com/schema' } }, /schema/],
    [{ strategy: 'server-auth', rules: [{ key: 'k', max_step: -1 }] }, /max_step/],
  ])('settings %j is told why not', async (body, message) => {
    const answer = await pod.request('PUT', '/v1/workspaces/settings/settings', { body });
    expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringMatching(message) } } });
  });
});

test('presence and history are what their schemas say', async () => {
  const client = await pod.connect('schemas', { token: await token({ sub: 'zoë' }) });
  await client.set('k', { nested: [1, 'two'] });
  await client.take('presence');
  expect(presenceAnswer.parse((await pod.request('GET', '/v1/presence/schemas')).body)).toMatchObject([
    { user_id: 'zoë', status: 'online', payload: null },
  ]);
  const [entry] = historyAnswer.parse((await pod.request('GET', '/v1/history/schemas')).body);
  expect(entry).toMatchObject({ user_id: 'zoë', message: null, ops: [{ key: 'k', value: { nested: [1, 'two'] } }] });
  expect(Math.abs((entry?.timestamp ?? 0) / 1e6 - Date.now() / 1000)).toBeLessThan(60);
});
