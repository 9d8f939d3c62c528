import type { StreamOptions } from '@etherply/stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import { StreamUnavailableError } from '../../src/replication/stream.ts';
import { NatsServer } from '../nats-server.ts';
import { until } from '../pod.ts';
import { bytesOf, TestStream, workspace } from './test-stream.ts';

let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
const streams: TestStream[] = [];
beforeEach(async () => {
  server = await NatsServer.start();
  connection = await connect({ servers: server.url });
  manager = await jetstreamManager(connection);
});
afterEach(async () => {
  for (const stream of streams.splice(0)) await stream.close();
  await connection.close();
  await server.stop();
});

async function open(options: Partial<StreamOptions> = {}): Promise<TestStream> {
  const stream = await TestStream.open(server.url, options);
  streams.push(stream);
  return stream;
}

async function begin(options: Partial<StreamOptions> = {}): Promise<TestStream> {
  const stream = await TestStream.begin(server.url, options);
  streams.push(stream);
  return stream;
}

async function config(): Promise<StreamConfig> {
  return (await manager.streams.info('etherply')).config;
}

/** How many messages go in until one is refused. */
async function publishUntilFull(stream: TestStream, length: number): Promise<number> {
  for (let n = 0; ; n += 1) {
    try {
      await stream.stream.publish(workspace('w'), { id: `m-${n}`, bytes: bytesOf(length, n) });
    } catch (error) {
      expect(error).toBeInstanceOf(StreamUnavailableError);
      return n;
    }
  }
}

test('a stream is made as it is to be', async () => {
  await open({ maxAgeSeconds: 86_400, maxBytes: 1 << 20, duplicateSeconds: 60 });
  expect(await config()).toMatchObject({
    name: 'etherply',
    subjects: ['etherply.ops.>'],
    storage: 'file',
    retention: 'limits',
    num_replicas: 1,
    max_age: nanos(86_400_000),
    max_bytes: 1 << 20,
    discard: 'new',
    duplicate_window: nanos(60_000),
    allow_direct: true,
    allow_rollup_hdrs: true,
    republish: { src: '>', dest: 'etherply.live.>' },
  });
});

describe('a stream that is there', () => {
  test('gets the bounds that have changed, and keeps its messages and what else it has', async () => {
    const first = await open();
    expect(await config()).toMatchObject({ max_age: 0, max_bytes: -1, duplicate_window: nanos(120_000) });
    await first.stream.publish(workspace('w'), { id: 'kept', bytes: bytesOf(1) });
    await manager.streams.update('etherply', { description: 'of somebody' });
    const second = await open({ maxAgeSeconds: 3600, maxBytes: 1 << 20, duplicateSeconds: 30 });
    const changed = { max_age: nanos(3_600_000), max_bytes: 1 << 20, duplicate_window: nanos(30_000) };
    expect(await config()).toMatchObject({ ...changed, description: 'of somebody' });
    expect(await second.read(workspace('w'))).toMatchObject([{ id: 'kept' }]);
    await open({ duplicateSeconds: 30 });
    expect(await config()).toMatchObject({ max_age: 0, max_bytes: -1, description: 'of somebody' });
  });

  test('is not touched where it is as it is to be', async () => {
    await open({ maxAgeSeconds: 3600 });
    const updates: string[] = [];
    connection.subscribe('$JS.EVENT.ADVISORY.STREAM.UPDATED.>', {
      callback: (_, { subject }) => {
        updates.push(subject);
      },
    });
    await connection.flush();
    await open({ maxAgeSeconds: 3600 });
    await open({ maxAgeSeconds: 7200 });
    await until(async () => updates.length > 0);
    expect(updates).toHaveLength(1);
  });

  test.each([
    ['bounds', { max_msgs: 5, max_msgs_per_subject: 1, max_msg_size: 100 }],
    ['publishing again', { republish: { src: 'etherply.ops.x.>', dest: 'etherply.live.>' } }],
    ['what it takes', { discard: DiscardPolicy.Old }],
  ])('of which somebody has changed the %s gets it back', async (_, change) => {
    await open();
    const before = await config();
    await manager.streams.update('etherply', { ...before, ...change });
    await open();
    expect(await config()).toEqual(before);
  });

  test.each([
    ['retention', { retention: RetentionPolicy.Workqueue }],
    ['storage', { storage: StorageType.Memory }],
  ])('with another %s is named as the problem, until somebody removes it', async (what, other) => {
    await manager.streams.add({ name: 'etherply', subjects: ['etherply.ops.>'], ...other });
    const waiting = await begin();
    await until(async () => waiting.stream.problem?.includes(what) ?? false);
    expect(waiting.stream.problem).toMatch(/ETHERPLY_STREAM_RETENTION.*ETHERPLY_CLUSTER/);
    expect([waiting.stream.isConnected, waiting.told]).toEqual([false, []]);
    await expect(waiting.stream.publish(workspace('w'), { id: 'a', bytes: bytesOf(1) })).rejects.toThrow(
      waiting.stream.problem,
    );
    await manager.streams.delete('etherply');
    await waiting.connected();
    expect([waiting.stream.problem, waiting.told]).toEqual([undefined, ['connected']]);
  });

  test('of which the subjects are taken by another is told of', async () => {
    await manager.streams.add({ name: 'another', subjects: ['etherply.>'] });
    const waiting = await begin();
    await until(async () => waiting.stream.problem?.includes('subjects overlap') ?? false);
    await manager.streams.delete('another');
    await waiting.connected();
  });
});

describe('a full stream', () => {
  test('refuses, loses nothing, and takes messages again when it is larger', async () => {
    const full = await open({ maxBytes: 65_536 });
    const count = await publishUntilFull(full, 5000);
    expect(count).toBeGreaterThan(5);
    const refused = { id: `m-${count}`, bytes: bytesOf(5000, count) };
    await expect(full.stream.publish(workspace('w'), refused)).rejects.toThrow('maximum bytes');
    expect([full.stream.isConnected, full.told]).toEqual([true, ['connected']]);
    const kept = await full.read(workspace('w'));
    expect(kept.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, n) => `m-${n}`));
    await open({ maxBytes: 131_072 });
    await full.stream.publish(workspace('w'), refused);
    expect(await full.read(workspace('w'))).toHaveLength(count + 1);
  });
});

test('a server without JetStream is told of as the problem', async () => {
  const plain = await NatsServer.start('jetstream: disabled');
  const waiting = await TestStream.begin(plain.url);
  streams.push(waiting);
  await until(async () => waiting.stream.problem?.startsWith('the stream cannot be used') ?? false);
  expect(waiting.stream.isConnected).toBe(false);
  await plain.stop();
});
