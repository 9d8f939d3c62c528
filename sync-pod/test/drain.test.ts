import { afterEach, expect, test } from '@jest/globals';
import { Pod, until } from './pod.ts';
import { hang, Receiver, SECRET, status } from './webhooks/receiver.ts';

let pod: Pod;
let receiver: Receiver | undefined;
afterEach(async () => {
  await pod.stop();
  await receiver?.stop();
});

/** A pod with something that keeps it from ending at once: an event that its receiver does not take. */
async function startWithHangingReceiver(timeoutSeconds: number): Promise<Receiver> {
  receiver = await Receiver.start(hang);
  pod = await Pod.start({
    env: {
      ETHERPLY_WEBHOOK_URL: receiver.url,
      ETHERPLY_WEBHOOK_SECRET: SECRET,
      SHUTDOWN_TIMEOUT_SECONDS: String(timeoutSeconds),
    },
  });
  return receiver;
}

test('a drain: red at once, no new connections, all told when to come back, everything there, exit 0', async () => {
  const hanging = await startWithHangingReceiver(3600);
  const clients = await Promise.all(Array.from({ length: 40 }, (_, n) => pod.connect(`drained-${n % 4}`)));
  const reasons: string[] = [];
  for (const client of clients) client.socket.on('close', (_, reason) => reasons.push(String(reason)));
  for (const [n, client] of clients.entries()) client.send({ type: 'op', payload: { key: `key-${n}`, value: n } });
  for (const client of clients) await client.take('ack');
  // In flight while it drains: each is acked, or it is not, and then it may be there or not.
  for (const client of clients) client.send({ type: 'op', payload: { key: 'late', value: 1 } });
  const ended = pod.end('SIGTERM');
  expect(await Promise.all(clients.map((client) => client.closed()))).toEqual(clients.map(() => 1012));
  const ready = await fetch(pod.url('/readyz'));
  expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('draining')]);
  await expect(pod.connect('drained-0')).rejects.toThrow('503');
  const refused = await pod.request('POST', '/v1/workspaces/drained-0/ops', { body: { key: 'k', value: 1 } });
  expect(refused).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
  const waits = reasons.map((reason): number => JSON.parse(reason).retry_after_ms);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(3_600_000);
  // Spread: of 40 in an hour, some are in each half.
  expect(waits.some((wait) => wait < 1_800_000) && waits.some((wait) => wait > 1_800_000)).toBe(true);
  hanging.answer = status(204);
  for (const socket of hanging.sockets) socket.destroy();
  expect(await ended).toBe(0);
  await pod.restart();
  for (let n = 0; n < 40; n += 1) expect((await pod.read(`drained-${n % 4}`)).data[`key-${n}`]).toBe(n);
});

test('a receiver that takes nothing does not keep it for longer than it has', async () => {
  await startWithHangingReceiver(10);
  const client = await pod.connect('patient');
  await client.set('k', 1);
  // 1 where it was ended because its time was up.
  expect(await pod.end('SIGTERM')).toBe(0);
});

test('a second signal ends it at once', async () => {
  await startWithHangingReceiver(3600);
  const client = await pod.connect('impatient');
  await client.set('k', 1);
  await until(async () => (receiver?.open ?? 0) > 0);
  const ended = pod.end('SIGTERM');
  expect(await client.closed()).toBe(1012);
  void pod.end('SIGTERM');
  expect(await ended).toBe(1);
  await pod.restart();
  expect(await pod.read('impatient')).toMatchObject({ data: { k: 1 } });
});
