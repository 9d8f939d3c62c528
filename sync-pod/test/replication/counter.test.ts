import { historyAnswer } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import { type Pod, TestClient, token } from '../pod.ts';
import { Cluster } from './cluster.ts';

const CLIENTS = 30;
const WRITES_EACH = 10;

let cluster: Cluster;
afterEach(() => cluster.stop());

/** Adds one to what it has heard of last, again and again, and gives the values that were accepted. */
async function count(pod: Pod, name: string): Promise<number[]> {
  const query = new URLSearchParams({ token: await token({ sub: name }) });
  const client = await TestClient.open(`ws://127.0.0.1:${pod.port}/v1/sync/counter?${query}`);
  await client.take('init');
  const accepted: number[] = [];
  let heard = 0;
  for (let n = 0; n < WRITES_EACH; n += 1) {
    for (let isOpen = true; isOpen; ) {
      for (const frame of client.frames.splice(0)) {
        if (frame.type === 'op' && 'value' in frame.payload) heard = Number(frame.payload.value);
      }
      client.send({ type: 'op', id: `${n}-${heard}`, payload: { key: 'count', value: heard + 1 } });
      const answer = await client.take('ack', 'reject');
      if (answer.type === 'reject') {
        expect(answer).toMatchObject({ code: 'step_too_large' });
        continue;
      }
      heard += 1;
      accepted.push(heard);
      isOpen = false;
    }
  }
  client.close();
  return accepted;
}

test('a counter of 30 clients on 3 pods takes every accepted op once, in one order that all pods have', async () => {
  cluster = await Cluster.start({ pods: 3, env: { ETHERPLY_SYNC_STRATEGY: 'server-auth' } });
  await cluster.pod(0).configure('counter', { strategy: 'server-auth', rules: [{ key: 'count', max_step: 1 }] });
  await (await cluster.pod(0).connect('counter')).set('count', 0);
  const names = Array.from({ length: CLIENTS }, (_, n) => `client-${n}`);
  const accepted = await Promise.all(names.map((name, n) => count(cluster.pod(n % 3), name)));
  await cluster.agreed('counter');
  const histories = await Promise.all(cluster.pods.map((pod) => historyOf(pod)));
  const [order = []] = histories;
  for (const other of histories) expect(other).toEqual(order);
  // Every write keeps to the rule in this order, and each client's are in it once.
  for (const [i, { value }] of order.entries()) expect(Math.abs(value - (order[i - 1]?.value ?? 0))).toBeLessThan(2);
  for (const [n, name] of names.entries()) {
    expect(order.filter(({ user }) => user === name).map(({ value }) => value)).toEqual(accepted[n]);
  }
});

async function historyOf(pod: Pod): Promise<{ value: number; user: string | null | undefined }[]> {
  const { body } = await pod.request('GET', '/v1/history/counter?limit=500');
  const entries = historyAnswer.parse(body).reverse();
  return entries.flatMap(({ ops }) =>
    ops.map((op) => ({ value: 'value' in op ? Number(op.value) : NaN, user: op.user_id })),
  );
}
