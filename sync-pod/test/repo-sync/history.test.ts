import { splice } from '@automerge/automerge';
import { historyAnswer } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { freePort, type Pod, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
import { StockClient } from './stock-client.ts';

interface Note {
  text: string;
}

const ROUNDS = 40;

let cluster: Cluster;
const clients: StockClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await cluster.stop();
});

async function history(pod: Pod, id: string): Promise<z.infer<typeof historyAnswer>> {
  const { body } = await pod.request('GET', `/v1/history/${id}?limit=1000`);
  return historyAnswer.parse(body);
}

/** How many commits are of each user. */
async function commits(pod: Pod, id: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { user_id } of await history(pod, id)) counts[String(user_id)] = (counts[String(user_id)] ?? 0) + 1;
  return counts;
}

test('history says whose connections the changes came by, on all pods, after restarts and when logs are compacted', async () => {
  cluster = await Cluster.start({ pods: 0, env: { ETHERPLY_REPO_SYNC: 'true', ETHERPLY_COMPACT_FROM_BYTES: '4096' } });
  for (const port of [await freePort(), await freePort()]) await cluster.add({ PORT: port });
  const [alice, bob] = [
    await StockClient.connect(cluster.pod(0)),
    await StockClient.connect(cluster.pod(1), { claims: { sub: 'bob' } }),
  ];
  clients.push(alice, bob);
  const mine = alice.repo.create<Note>({ text: '' });
  const id = mine.documentId;
  await until(async () => (await cluster.pod(1).read(id)).data.text === '');
  const [created] = await history(cluster.pod(1), id);
  const by = { user_id: 'alice' };
  expect(created).toMatchObject({ ...by, ops: [{ key: 'text', value: '', ...by }] });
  const theirs = await bob.repo.find<Note>(mine.url);
  for (let n = 0; n < ROUNDS; n += 1) {
    mine.change((doc) => splice(doc, ['text'], 0, 0, 'a'));
    theirs.change((doc) => splice(doc, ['text'], doc.text.length, 0, 'b'));
  }
  const inserts = async () => {
    return (await history(cluster.pod(1), id)).flatMap(({ ops }) => ops.filter((op) => 'insert' in op));
  };
  await until(async () => (await inserts()).length === 2 * ROUNDS);
  expect(await inserts()).toContainEqual({ key: 'text', path: [0], insert: 'a', ...by });
  const json = await cluster.pod(0).connect(id);
  await json.set('title', 'by JSON');
  json.close();
  const expected = { alice: ROUNDS + 2, bob: ROUNDS };
  const all = async (pod: Pod) => Object.values(await commits(pod, id)).reduce((sum, count) => sum + count, 0);
  for (const pod of cluster.pods) {
    await until(async () => (await all(pod)) === 2 * ROUNDS + 2);
    await until(async () => (await pod.metric('etherply_compactions_total')) > 0);
    expect(await commits(pod, id)).toEqual(expected);
  }
  await until(async () => {
    const rollups = await Promise.all(cluster.pods.map((pod) => pod.metric('etherply_rollups_total')));
    return rollups.some((count) => count > 0);
  });
  await cluster.pod(0).end('SIGKILL');
  await cluster.pod(0).restart();
  expect(await commits(cluster.pod(0), id)).toEqual(expected);
  const third = await cluster.add();
  await third.read(id);
  await until(async () => (await all(third)) === 2 * ROUNDS + 2);
  expect(await commits(third, id)).toEqual(expected);
});
