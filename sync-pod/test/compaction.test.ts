import { join } from 'node:path';
import type { WorkspaceId } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import { Pod, until } from './pod.ts';
import { StoredDocument } from './stored-document.ts';

let pod: Pod;
afterEach(() => pod.stop());

const ID = 'compacted' as WorkspaceId;

test('a long history is packed, opens as it was, and answers a resend and old heads as before', async () => {
  pod = await Pod.start({ env: { ETHERPLY_COMPACT_FROM_BYTES: '65536', ETHERPLY_WORKSPACE_IDLE_SECONDS: '0' } });
  const client = await pod.connect(ID);
  const expected: Record<string, unknown> = {};
  const heads: unknown[] = [];
  for (let n = 0; n < 400; n += 1) {
    const payload = Array.from({ length: 30 }, (_, i) => ({
      key: `key-${(n * 7 + i) % 500}`,
      value: `${n} ${'é'.repeat(40)}`,
    }));
    for (const { key, value } of payload) expected[key] = value;
    client.send({ type: 'ops', id: `message-${n}`, payload });
    heads.push((await client.take('ack')).heads);
  }
  client.send({ type: 'op', payload: { key: 'key-0', deleted: true } });
  await client.take('ack');
  delete expected['key-0'];
  client.close();

  // The workspace leaves memory, and comes back from its snapshot.
  await until(async () => (await pod.metric('etherply_workspaces_open')) === 0);
  const again = await pod.connect(ID, { heads: String(heads.at(-2)) });
  const { ops } = await again.take('delta');
  expect(ops.length).toBeLessThan(65);
  expect(ops).toContainEqual(expect.objectContaining({ key: 'key-0', deleted: true }));
  again.send({ type: 'ops', id: 'message-399', payload: [{ key: 'key-1', value: 'another' }] });
  expect(await again.take('error')).toMatchObject({ code: 'id_reused', id: 'message-399' });
  expect((await (await pod.connect(ID)).take('init')).data).toEqual(expected);

  await pod.end('SIGKILL');
  const stored = await StoredDocument.read(join(pod.dataDir, 'shard-0'), ID);
  expect(stored.state()).toEqual(expected);
  expect(stored.isPacked).toBe(true);
  expect([...stored.writes().values()].reduce((sum, count) => sum + count)).toBe(400 * 30 + 1);
});

test('a value with very many parts is written and read without holding up the others', async () => {
  pod = await Pod.start({ env: { ETHERPLY_WORKSPACE_IDLE_SECONDS: '0' } });
  const [heavy, light] = [await pod.connect('heavy'), await pod.connect('light')];
  const value = Array.from({ length: 200_000 }, (_, i) => i % 100);
  heavy.send({ type: 'op', id: 'large', payload: { key: 'large', value } });
  await light.set('key', 'so that the next op comes while the first is made');
  heavy.send({ type: 'op', id: 'after', payload: { key: 'large', value: 'small' } });
  let [answers, isAcked] = [0, false];
  const ack = heavy.take('ack').then((frame) => {
    isAcked = true;
    return frame;
  });
  for (; !isAcked; answers += 1) await light.set('key', answers);
  expect(answers).toBeGreaterThan(5);
  expect((await ack).ids).toContain('large');
  await until(async () => {
    const answer = await fetch(pod.url('/v1/workspaces/heavy'), { headers: await pod.authorization() });
    return JSON.stringify(await answer.json()).includes('"small"');
  });
});
