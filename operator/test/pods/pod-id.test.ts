import { expect, test } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { Pod, until } from '../../../sync-pod/test/pod.ts';
import { StreamKeeper } from '../../src/nats/stream-keeper.ts';
import { streamRequestOf } from '../../src/nats/stream-request.ts';
import { PodControl } from '../../src/pods/pod-control.ts';
import { clusterOf } from '../facts.ts';

const TOKEN = 'a control token that is long enough';

test('the stream keeps messages for pods that say their id, and no longer for those that are gone', async () => {
  const nats = await NatsServer.start();
  const keeper = new StreamKeeper();
  const access = { servers: [nats.url], credentials: undefined, tls: undefined, source: 'nothing' };
  const request = streamRequestOf(clusterOf({ stream: { retention: 'interest' } }), false);
  expect(await keeper.ensure(access, request)).toEqual({ state: 'ready' });
  const env = {
    ETHERPLY_CONTROL_TOKEN: TOKEN,
    ETHERPLY_NATS_URL: nats.url,
    ETHERPLY_CLUSTER: 'ns_c',
    ETHERPLY_STREAM_RETENTION: 'interest',
    ETHERPLY_MANAGE_STREAM: 'false',
  };
  const stays = await Pod.start({ env });
  const control = new PodControl({ port: stays.port });
  const idOf = async () => (await control.status({ ip: '127.0.0.1', token: TOKEN })).podId;
  await stays.ready();
  const id = (await idOf()) ?? '';
  expect(id).not.toBe('');
  const leaves = await Pod.start({ env });
  await leaves.ready();
  await leaves.stop();
  expect(await keeper.releaseGonePods(access, request, new Set([id]))).toEqual({ state: 'ready' });
  const client = await stays.connect('w');
  await client.take('init');
  expect(await client.set('a', 1)).toMatchObject({ durability: 'replicated' });
  // Nobody is left who lacks it.
  const connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await until(async () => (await manager.streams.info('ns_c')).state.messages === 0);
  await connection.close();
  client.close();
  control.close();
  await keeper.close();
  await stays.stop();
  await nats.stop();
});
