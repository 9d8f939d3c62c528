import { afterEach, expect, test } from '@jest/globals';
import { NatsServer } from '../nats-server.ts';
import { Pod, until } from '../pod.ts';
import { CONTROL_TOKEN, ControlPlane } from './control-plane.ts';

let nats: NatsServer;
const pods: Pod[] = [];
afterEach(async () => {
  for (const pod of pods.splice(0)) await pod.stop();
  await nats.stop();
});

test.each([
  ['a little', 3],
  ['so much that it is compacted', 120],
])('what a pod takes while it stands alone, %s, is published when it is one of several again', async (_, count) => {
  nats = await NatsServer.start();
  const pod = await Pod.start({ env: { ETHERPLY_CONTROL_TOKEN: CONTROL_TOKEN, ETHERPLY_COMPACT_FROM_BYTES: '8192' } });
  pods.push(pod);
  const control = new ControlPlane(pod);
  const isPublished = async () => (await control.status()).unpublished_workspaces === 0;
  const replicated = { ETHERPLY_NATS_URL: nats.url };
  await pod.end('SIGTERM');
  await pod.restart(replicated);
  await pod.ready();
  await (await pod.connect('w')).set('before', 0);
  await until(isPublished);
  await pod.end('SIGTERM');
  await pod.restart();
  const client = await pod.connect('w');
  for (let n = 0; n < count; n += 1) await client.set(`alone-${n}`, 'x'.repeat(100));
  if (count > 100) await until(async () => (await pod.metric('etherply_compactions_total')) > 0);
  await client.set('last', 1);
  await pod.end('SIGTERM');
  await pod.restart(replicated);
  await until(isPublished);
  const other = await Pod.start({ env: replicated });
  pods.push(other);
  await other.ready();
  expect(Object.keys((await other.read('w')).data)).toHaveLength(count + 2);
});
