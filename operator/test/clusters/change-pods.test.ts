import { afterEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { Containers } from '../containers.ts';
import { until } from '../control-plane/until.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { ClusterStage } from './cluster-stage.ts';
import { ownedObjects, required } from './owned-objects.ts';
import { sharedOperator } from './shared-operator.ts';
import { mergePatch } from './spec-change.ts';

const shared = sharedOperator();
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function uidsOfPods({ client, namespace }: Pick<ClusterStage, 'client' | 'namespace'>) {
  const { items } = await client.list(KINDS.Pod, { namespace });
  return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.uid]));
}

test('larger volumes: claims grow, and new ones begin as large, while no pod ends', async () => {
  const stage = await ClusterStage.withManagedNats(shared().controlPlane);
  endings.push(() => stage.close());
  const { client, namespace, cluster } = stage;
  const pods = await uidsOfPods(stage);
  await mergePatch(stage, { storage: { size: '20Gi' } });
  const sizes = async () => {
    const { items } = await client.list(KINDS.PersistentVolumeClaim, { namespace });
    return Object.fromEntries(items.map((claim) => [claim.metadata.name, claim.spec]));
  };
  const of = (storage: string) => expect.objectContaining({ resources: { requests: { storage } } });
  const claims = {
    'store-c-nats-0': of('10Gi'),
    'shard-0-c-0': of('20Gi'),
    'shard-0-c-1': of('20Gi'),
    'shard-0-c-2': of('20Gi'),
  };
  const asked = { spec: { volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '20Gi' } } } }] } };
  await until(
    async () => {
      expect(await sizes()).toEqual(claims);
      expect(required(await ownedObjects(client, namespace), 'StatefulSet c')).toMatchObject(asked);
      return true;
    },
    { what: 'claims that have grown, and a StatefulSet that asks for more' },
  );
  await cluster.has('Progressing', 'False', 'Stable');
  expect(await uidsOfPods(stage)).toEqual(pods);
});

test('the stream gets another age without any of them ending; limits make them anew, one by one, and the router stays', async () => {
  const { controlPlane } = shared();
  const { client } = controlPlane;
  const namespace = await controlPlane.createNamespace();
  const cluster = new ClusterFixture(client, namespace);
  const containers = await Containers.follow(client, namespace);
  endings.push(() => containers.stop());
  const nats = await NatsServer.start();
  endings.push(() => nats.stop());
  const spec = { nats: { external: { servers: [nats.url] } }, replicas: 2 };
  await cluster.createSecret();
  await cluster.apply(spec);
  await cluster.isWell();
  const first = await uidsOfPods({ client, namespace });

  await cluster.apply({ ...spec, stream: { maxAge: '48h' } });
  await cluster.isWell();
  expect(await uidsOfPods({ client, namespace })).toEqual(first);

  await cluster.apply({ ...spec, stream: { maxAge: '48h' }, limits: { maxOpsPerSecond: 50 } });
  await cluster.has('Progressing', 'True', 'Rolling');
  const status = async () => z.object({ readyReplicas: z.int() }).parse((await cluster.get())?.status);
  let fewest = 2;
  await until(
    async () => {
      fewest = Math.min(fewest, (await status()).readyReplicas);
      return (await cluster.condition('Progressing'))?.reason === 'Stable';
    },
    { what: 'all pods made anew', timeoutMs: 120_000 },
  );
  await cluster.isWell();
  const last = await uidsOfPods({ client, namespace });
  expect(fewest).toBe(1);
  expect(Object.keys(last)).toEqual(Object.keys(first));
  for (const [name, uid] of Object.entries(first)) {
    if (name.startsWith('c-router')) expect(last[name]).toBe(uid);
    else expect(last[name]).not.toBe(uid);
  }
}, 240_000);
