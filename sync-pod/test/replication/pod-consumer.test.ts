import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { JsMsg } from '@nats-io/jetstream';
import { NatsServer } from '../nats-server.ts';
import { until } from '../pod.ts';
import { StreamView } from './stream-view.ts';
import { bytesOf, TestStream, workspace } from './test-stream.ts';

let server: NatsServer;
let view: StreamView;
let quick: TestStream;
let slow: TestStream;

beforeEach(async () => {
  server = await NatsServer.start();
  quick = await TestStream.open(server.url, { retention: 'interest' });
  slow = await TestStream.open(server.url, { retention: 'interest' });
  view = await StreamView.open(server.url);
});
afterEach(async () => {
  await view.close();
  await quick.close();
  await slow.close();
  await server.stop();
});

/** The next messages that the stream has for a pod. */
async function received({ consumer: one }: TestStream, count: number): Promise<JsMsg[]> {
  const messages: JsMsg[] = [];
  const consumer = await one?.open();
  for await (const message of (await consumer?.fetch({ max_messages: count, expires: 5000 })) ?? []) {
    messages.push(message);
  }
  return messages;
}

test.each(['summary', 'reset'] as const)('a %s takes nothing from a pod that lacks it', async (rollup) => {
  const publish = async (name: string, id: string) => quick.stream.publish(workspace(name), { id, bytes: bytesOf(1) });
  await publish('early', 'first');
  await publish('rolled', 'one');
  await publish('rolled', 'two');
  await publish('late', 'last');
  const late = (await received(slow, 4)).at(-1);
  await quick.stream.publish(workspace('rolled'), { id: 'all', bytes: bytesOf(1), rollup });
  // Only this one: where the server counts what a purge has removed as acked, it takes the first for acked now.
  await late?.ackAck();
  const all = await received(quick, 5);
  for (const message of all) await message.ackAck();
  // The last one has gone, which both have acked.
  await until(async () => (await view.messages('late')) === 0);
  expect(await slow.read(workspace('early'))).toMatchObject([{ id: 'first' }]);
  expect(await slow.read(workspace('rolled'))).toMatchObject([{ id: 'one' }, { id: 'two' }, { id: 'all', rollup }]);
});
