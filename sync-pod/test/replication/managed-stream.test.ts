import {
  ensurePayloadBucket,
  ensureStream,
  payloadStreamOf,
  type StreamOptions,
  streamConfigOf,
} from '@etherply/stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type JetStreamManager, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsServer } from '../nats-server.ts';
import { Pod, until } from '../pod.ts';

const OPTIONS: StreamOptions = {
  cluster: 'etherply',
  replicas: 1,
  retention: 'limits',
  maxAgeSeconds: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  duplicateSeconds: 120,
  regions: [],
};

let nats: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
let pod: Pod;
beforeEach(async () => {
  nats = await NatsServer.start('max_payload: 65536');
  connection = await connect({ servers: nats.url });
  manager = await jetstreamManager(connection);
  pod = await Pod.start({ env: { ETHERPLY_NATS_URL: nats.url, ETHERPLY_MANAGE_STREAM: 'false' } });
});
afterEach(async () => {
  await pod.stop();
  await connection.close();
  await nats.stop();
});

async function readyz(): Promise<string> {
  return (await fetch(pod.url('/readyz'))).text();
}

const says = (what: string) => until(async () => (await readyz()).includes(what));
const ready = () => says('"status":"ready"');

async function streamNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  return names.toSorted();
}

/** What whoever manages the stream does. */
async function make(): Promise<void> {
  await ensureStream(manager, OPTIONS, []);
  await ensurePayloadBucket(connection, manager, OPTIONS);
}

test('a pod that does not manage the stream makes nothing, and says what it waits for', async () => {
  await says('the stream etherply is not there: waiting for whoever manages it');
  expect(await streamNames()).toEqual([]);
  await ensureStream(manager, OPTIONS, []);
  await says('the object bucket etherply-payloads is not there: waiting for whoever manages it');
  expect(await streamNames()).toEqual(['etherply']);
  await ensurePayloadBucket(connection, manager, OPTIONS);
  await ready();
  const client = await pod.connect('w');
  const value = 'x'.repeat(100_000);
  expect(await client.set('large', value)).toMatchObject({ durability: 'replicated' });
  expect((await manager.streams.info(payloadStreamOf('etherply'))).state.messages).toBeGreaterThan(0);
});

test('it leaves other bounds as they are', async () => {
  await ensureStream(manager, { ...OPTIONS, maxBytes: 1 << 20, duplicateSeconds: 30 }, []);
  await ensurePayloadBucket(connection, manager, OPTIONS);
  const { config } = await manager.streams.info('etherply');
  await ready();
  await (await pod.connect('w')).set('key', 1);
  expect((await manager.streams.info('etherply')).config).toEqual(config);
});

test('it does not use a stream with another retention, and says why', async () => {
  await manager.streams.add({ ...streamConfigOf(OPTIONS, []), retention: RetentionPolicy.Workqueue });
  await ensurePayloadBucket(connection, manager, OPTIONS);
  await says('workqueue retention, which cannot be changed to file and limits');
  expect(await readyz()).toMatch(/ETHERPLY_STREAM_RETENTION/);
  await manager.streams.delete('etherply');
  await make();
  await ready();
});

test('when the stream is deleted it waits until it is made again, and brings back what it had', async () => {
  await make();
  await ready();
  const client = await pod.connect('w');
  const value = 'x'.repeat(100_000);
  await client.set('large', value);
  await client.set('small', 1);
  await manager.streams.delete('etherply');
  await manager.streams.delete(payloadStreamOf('etherply'));
  client.send({ type: 'op', id: 'waits', payload: { key: 'later', value: 2 } });
  await says('the stream etherply is not there');
  expect(await streamNames()).toEqual([]);
  await make();
  await ready();
  expect(await client.take('ack')).toMatchObject({ ids: ['waits'] });
  const other = await Pod.start({ env: { ETHERPLY_NATS_URL: nats.url, ETHERPLY_MANAGE_STREAM: 'false' } });
  await other.ready();
  await until(async () => Object.keys((await other.read('w')).data).length === 3);
  expect((await other.read('w')).data).toEqual({ large: value, small: 1, later: 2 });
  await other.stop();
});
