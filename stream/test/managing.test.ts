import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsServer } from '../../sync-pod/test/nats-server.ts';
import {
  ensurePayloadBucket,
  ensureStream,
  payloadStreamOf,
  requirePayloadBucket,
  requireStream,
  StreamConfigError,
  StreamNotReadyError,
  type StreamOptions,
  streamConfigOf,
} from '../src/index.ts';

const OPTIONS: StreamOptions = {
  cluster: 'etherply',
  replicas: 1,
  retention: 'limits',
  maxAgeSeconds: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  duplicateSeconds: 120,
  regions: [],
};

let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
beforeEach(async () => {
  server = await NatsServer.start();
  connection = await connect({ servers: server.url });
  manager = await jetstreamManager(connection);
});
afterEach(async () => {
  await connection.close();
  await server.stop();
});

describe('a stream that somebody else makes', () => {
  test('is waited for, and good as it was made here', async () => {
    await expect(requireStream(manager, OPTIONS)).rejects.toThrow(StreamNotReadyError);
    await ensureStream(manager, OPTIONS, []);
    await expect(requireStream(manager, OPTIONS)).resolves.toBeUndefined();
  });

  test('may have other bounds', async () => {
    await ensureStream(manager, { ...OPTIONS, maxBytes: 1 << 20, maxAgeSeconds: 3600, duplicateSeconds: 30 }, []);
    await expect(requireStream(manager, OPTIONS)).resolves.toBeUndefined();
  });

  test.each([
    ['storage', { storage: StorageType.Memory }],
    ['retention', { retention: RetentionPolicy.Workqueue }],
  ])('cannot be used with another %s', async (what, other) => {
    await manager.streams.add({ ...streamConfigOf(OPTIONS, []), ...other });
    for (const look of [requireStream, ensureStream]) {
      const attempt = look(manager, OPTIONS, []);
      await expect(attempt).rejects.toThrow(StreamConfigError);
      await expect(attempt).rejects.toThrow(what);
    }
  });

  test.each([
    ['subjects', { subjects: ['etherply.ops.a.>'] }],
    ['discard', { discard: DiscardPolicy.Old }],
    ['allow_direct', { allow_direct: false }],
    ['allow_rollup_hdrs', { allow_rollup_hdrs: false }],
    ['republish', { republish: { src: '>', dest: 'another.>' } }],
  ])('is waited for as long as %s is not what pods need', async (what, other) => {
    await manager.streams.add({ ...streamConfigOf(OPTIONS, []), ...other });
    const attempt = requireStream(manager, OPTIONS);
    await expect(attempt).rejects.toThrow(StreamNotReadyError);
    await expect(attempt).rejects.toThrow(new RegExp(`lacks what pods need: ${what}`));
    await ensureStream(manager, OPTIONS, []);
    await expect(requireStream(manager, OPTIONS)).resolves.toBeUndefined();
  });
});

test('an object bucket is waited for until it is made, and what is made again is left as it is', async () => {
  await expect(requirePayloadBucket(manager, 'etherply')).rejects.toThrow(/etherply-payloads is not there/);
  await ensurePayloadBucket(connection, manager, OPTIONS);
  const { created, config } = await manager.streams.info(payloadStreamOf('etherply'));
  expect(config).toMatchObject({ storage: 'file', num_replicas: 1 });
  await ensurePayloadBucket(connection, manager, OPTIONS);
  expect(await manager.streams.info(payloadStreamOf('etherply'))).toMatchObject({ created, config });
  await expect(requirePayloadBucket(manager, 'etherply')).resolves.toBeUndefined();
});

test('an object bucket that cannot have as many replicas as it is to have fails with what the server says', async () => {
  await ensurePayloadBucket(connection, manager, OPTIONS);
  await expect(ensurePayloadBucket(connection, manager, { ...OPTIONS, replicas: 3 })).rejects.toThrow(/replicas/);
});
