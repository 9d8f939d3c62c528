import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Pod, type TestClient } from './pod.ts';

const ROUNDS = 12;
const WRITERS = 4;
let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start();
});
afterAll(() => pod.stop());

/** Writes one new key after the other until the pod dies; resolves with the number of acked writes. */
async function writeUntilDeath(client: TestClient, name: string): Promise<number> {
  let sent = 0;
  let acked = 0;
  try {
    for (;;) {
      for (; sent - acked < 16; sent += 1)
        client.send({ type: 'op', id: `${name}-${sent}`, payload: { key: `${name}-${sent}`, value: sent } });
      acked += Number((await client.take('ack')).count);
    }
  } catch {
    return acked;
  }
}

test('kill -9 under load loses no acked op and leaves every log readable', async () => {
  const acked = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const clients = await Promise.all(Array.from({ length: WRITERS }, (_, i) => pod.connect(`crash-${i}`)));
    const writing = clients.map(async (client, i) => {
      const name = `r${round}w${i}`;
      acked.set(`${i} ${name}`, await writeUntilDeath(client, name));
    });
    const first = clients[0];
    if (first === undefined) throw new Error('no client');
    // A random number of acks is a random moment, without a clock.
    const moment = 1 + Math.floor(Math.random() * 30);
    for (let seen = 0; seen < moment; seen += 1) await pod.connect(`other-${seen}`).then((one) => one.close());
    await pod.end('SIGKILL');
    await Promise.all(writing);
    await pod.restart();
    for (let i = 0; i < WRITERS; i += 1) {
      const { data } = await (await pod.connect(`crash-${i}`)).take('init');
      for (const [name, count] of acked) {
        if (!name.startsWith(`${i} `)) continue;
        for (let n = 0; n < count; n += 1) expect(data).toHaveProperty(`${name.slice(2)}-${n}`, n);
      }
    }
  }
  expect([...acked.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(ROUNDS * WRITERS);
});

test('SIGTERM commits everything, closes with 1012 and exits with 0', async () => {
  const client = await pod.connect('drain');
  client.send({ type: 'op', id: 'last', payload: { key: 'last', value: 1 } });
  await client.take('ack');
  const code = pod.end('SIGTERM');
  expect(await client.closed()).toBe(1012);
  expect(await code).toBe(0);
  await pod.restart();
  expect(await (await pod.connect('drain')).take('init')).toMatchObject({ data: { last: 1 } });
});
