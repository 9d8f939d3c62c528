import { afterEach, expect, test } from '@jest/globals';
import { Pod, token, until } from '../pod.ts';
import { hang, Receiver, SECRET, status } from './receiver.ts';

let pod: Pod;
let receiver: Receiver;
afterEach(async () => {
  await pod.stop();
  await receiver.stop();
});

async function start(answer: Parameters<typeof Receiver.start>[0], env: Record<string, string> = {}): Promise<void> {
  receiver = await Receiver.start(answer);
  pod = await Pod.start({ env: { ETHERPLY_WEBHOOK_URL: receiver.url, ETHERPLY_WEBHOOK_SECRET: SECRET, ...env } });
}

test('a receiver is told who comes and goes and what is written', async () => {
  await start(status(204));
  const client = await pod.connect('hooked', { token: await token({ sub: 'zoë' }) });
  const acks = [await client.set('k', 1), await client.set('k', 2)];
  client.send({ type: 'op', payload: { key: 'absent', deleted: true } });
  await client.take('ack');
  client.close();
  const ofType = (type: string) => receiver.requests.map(({ event }) => event).filter((event) => event.type === type);
  const toldOps = () => ofType('doc.updated').reduce((sum, { data }) => sum + (data.ops ?? 0), 0);
  // As one event, or as two, where a second was between them.
  await until(async () => ofType('client.disconnected').length === 1 && toldOps() >= 2);
  expect(ofType('client.connected')).toMatchObject([{ workspace_id: 'hooked', data: { user_id: 'zoë' } }]);
  // Deleting what is not there changed nothing.
  expect(toldOps()).toBe(2);
  expect(ofType('doc.updated').at(-1)?.data).toMatchObject({ heads: acks[1]?.heads, user_ids: ['zoë'] });
  expect(await pod.metric('etherply_webhooks_total{type="client.connected",outcome="delivered"}')).toBe(1);
});

test.each([
  ['hangs', hang],
  ['fails', status(500)],
])('a receiver that %s slows no op, and what waits for it is bounded', async (_, answer) => {
  await start(answer, { ETHERPLY_WEBHOOK_MAX_QUEUED: '10' });
  const clients = await Promise.all(Array.from({ length: 30 }, (_, n) => pod.connect(`busy-${n}`)));
  for (const [n, client] of clients.entries()) {
    for (let op = 0; op < 20; op += 1) client.send({ type: 'op', payload: { key: `key-${n}`, value: op } });
  }
  for (const client of clients) for (let acked = 0; acked < 20; ) acked += (await client.take('ack')).count;
  expect(await pod.metric('etherply_webhooks_queued')).toBeLessThanOrEqual(10);
  expect(await pod.metric('etherply_webhooks_total{type="client.connected",outcome="dropped"}')).toBeGreaterThan(0);
  await until(async () => receiver.requests.length > 0);
});
