import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Load } from '../../../sync-pod/test/replication/load.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { claimFacts } from '../../src/observed/claim.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { Containers } from '../containers.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { Clients } from './clients.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { OperatorProcess } from './operator-process.ts';

const SPEC = { ingress: { mode: 'none' }, podTemplate: { terminationGracePeriodSeconds: 10 } };

const controlPlane = sharedControlPlane();
let operator: OperatorProcess;
let cluster: ClusterFixture;
let containers: Containers;
let clients: Clients;

beforeAll(async () => {
  const { client } = controlPlane();
  operator = OperatorProcess.start({ kubeconfig: await installChart(controlPlane()), namespace: RELEASE_NAMESPACE });
  await client.apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'rigid' },
    provisioner: 'kubernetes.io/no-provisioner',
  });
  await follow();
}, 180_000);

afterAll(async () => {
  await operator.end();
  await containers.stop();
});

/** A cluster of its own, in a namespace of its own. */
async function follow(): Promise<void> {
  const { client } = controlPlane();
  const namespace = await controlPlane().createNamespace();
  cluster = new ClusterFixture(client, namespace);
  containers = await Containers.follow(client, namespace);
  clients = new Clients(containers);
  await cluster.createSecret();
}

/** While clients write through `c-0` and so on: nothing that was acked is lost, and the pods that are left have it. */
async function underLoad(name: string, pods: number, left: number, work: (load: Load) => Promise<void>): Promise<void> {
  const workspaces = ['a', 'b', 'tenant:c', 'tenant:d'].map((workspace) => `${workspace}-${name}`);
  try {
    const load = clients.load(workspaces, pods);
    await load.progressed(100);
    await work(load);
    await load.progressed(100);
    await load.end();
    const names = Array.from({ length: left }, (_, ordinal) => `c-${ordinal}`);
    for (const workspace of workspaces) load.expectAll(workspace, await clients.agreed(workspace, names));
  } catch (error) {
    const outputs = containers.pods.map((pod) => containers.output(pod).slice(-600));
    console.log(operator.output.slice(-6000), JSON.stringify((await cluster.get())?.status, null, 1), ...outputs);
    throw error;
  }
}

/** Those of the sync pods, by name. */
async function claims(): Promise<Map<string, ReturnType<typeof claimFacts>>> {
  const labelSelector = 'etherply.io/cluster=c,app.kubernetes.io/component=sync-pod';
  const { namespace } = cluster.ref;
  const { items } = await controlPlane().client.list(KINDS.PersistentVolumeClaim, { namespace, labelSelector });
  return new Map(items.map((item) => [item.metadata.name, claimFacts(item)]));
}

async function claimNames(): Promise<string[]> {
  return [...(await claims()).keys()].sort();
}

const podsAre = (...names: string[]) =>
  until(
    () =>
      containers.pods
        .filter((pod) => !pod.includes('nats'))
        .sort()
        .join() === names.join(),
    {
      what: `pods being ${names.join()}`,
      timeoutMs: 60_000,
    },
  );

test('2, 4 and 2 pods: those that leave hand over what they have, one after the other, and volumes stay', async () => {
  await cluster.apply({ ...SPEC, replicas: 2 });
  await cluster.isWell();
  await underLoad('up', 4, 2, async (load) => {
    await cluster.apply({ ...SPEC, replicas: 4 });
    await cluster.isWell();
    await load.progressed(200);
    const left = [containers.uid('c-0'), containers.uid('c-1')];
    await cluster.apply({ ...SPEC, replicas: 2 });
    await cluster.has('Progressing', 'True', 'Scaling');
    await cluster.isWell();
    await podsAre('c-0', 'c-1');
    // Each is off the StatefulSet before the next one begins, however short that is.
    expect(operator.output).toMatch(
      /c-3 hands over.*StatefulSet c was changed.*c-2 hands over.*StatefulSet c was changed/s,
    );
    expect([containers.uid('c-0'), containers.uid('c-1')]).toEqual(left);
  });
  expect(await cluster.notes('Draining')).toEqual(
    ['c-3', 'c-2'].map((pod) => expect.stringContaining(`${pod} hands over`)),
  );
  expect(await claimNames()).toEqual([0, 1, 2, 3].map((ordinal) => `shard-0-c-${ordinal}`));
}, 180_000);

test('while NATS is away nobody leaves, which is told; then it goes on; and a pod that is to stay after all serves again', async () => {
  const before = (await claims()).get('shard-0-c-2')?.uid;
  await underLoad('away', 3, 3, async (load) => {
    await cluster.apply({ ...SPEC, replicas: 3 });
    await cluster.isWell();
    expect((await claims()).get('shard-0-c-2')?.uid).toBe(before);
    const uid = containers.uid('c-2');

    containers.crash('c-nats-0');
    await until(async () => (await cluster.condition('StreamReady'))?.status === 'False');
    await cluster.apply({ ...SPEC, replicas: 2 });
    const { message } = await cluster.has('ScalingBlocked', 'True', 'HandOverBlocked');
    expect(message).toContain('c-2 cannot be taken away');
    await cluster.has('Degraded', 'True');
    expect(containers.uid('c-2')).toBe(uid);

    // It is to stay after all.
    await cluster.apply({ ...SPEC, replicas: 3 });
    containers.restart('c-nats-0');
    await cluster.isWell();
    await cluster.has('ScalingBlocked', 'False');
    expect(await cluster.notes('Resumed')).toEqual(['c-2 serves again: it is to stay as it is']);
    expect(containers.uid('c-2')).toBe(uid);
    await load.progressed(200);

    // Once more, and nobody changes their mind.
    await containers.pause('c-nats-0');
    await until(async () => (await cluster.condition('StreamReady'))?.status === 'False');
    await cluster.apply({ ...SPEC, replicas: 2 });
    await cluster.has('ScalingBlocked', 'True', 'HandOverBlocked');
    containers.resume('c-nats-0');
    await podsAre('c-0', 'c-1');
    await cluster.isWell();
    await cluster.apply({ ...SPEC, replicas: 3 });
    await cluster.isWell();
  });
}, 240_000);

test('larger volumes: claims grow, and pods stay; those of later pods are as large', async () => {
  const uids = ['c-0', 'c-1', 'c-2'].map((pod) => containers.uid(pod));
  const { client } = controlPlane();
  const before = await client.get(KINDS.StatefulSet, cluster.ref);
  await underLoad('grow', 3, 3, async () => {
    await cluster.apply({ ...SPEC, replicas: 3, storage: { size: '20Gi' } });
    await cluster.isWell();
  });
  expect([...(await claims()).values()].map(({ size }) => size)).toEqual(['20Gi', '20Gi', '20Gi', '20Gi']);
  expect(['c-0', 'c-1', 'c-2'].map((pod) => containers.uid(pod))).toEqual(uids);
  expect((await client.get(KINDS.StatefulSet, cluster.ref))?.metadata.uid).not.toBe(before?.metadata.uid);
  await cluster.apply({ ...SPEC, replicas: 1, storage: { size: '20Gi' } });
  await cluster.isWell();
  await podsAre('c-0');
}, 180_000);

test('volumes that go with their pods, and cannot grow', async () => {
  await containers.stop();
  await follow();
  const spec = { ...SPEC, replicas: 2, storage: { retain: 'Delete', storageClassName: 'rigid', size: '1Gi' } };
  await cluster.apply(spec);
  await cluster.isWell();
  await underLoad('delete', 2, 1, async () => {
    await cluster.apply({ ...spec, replicas: 1 });
    await cluster.isWell();
    await podsAre('c-0');
    await until(async () => (await claimNames()).join() === 'shard-0-c-0', { what: 'one claim' });
  });
  const uid = containers.uid('c-0');
  const claim = (await claims()).get('shard-0-c-0')?.uid;
  await cluster.apply({ ...spec, replicas: 1, storage: { ...spec.storage, size: '2Gi' } });
  const { message } = await cluster.has('StorageReady', 'False', 'VolumeCannotGrow');
  expect(message).toContain('shard-0-c-0 has 1Gi, and its storage class rigid does not let volumes grow');
  await cluster.has('Degraded', 'True', 'VolumeCannotGrow');
  expect(containers.uid('c-0')).toBe(uid);
  await controlPlane().client.mergePatch(KINDS.StorageClass, { name: 'rigid' }, { allowVolumeExpansion: true });
  await cluster.isWell();
  // Another StatefulSet, which had them deleted with itself: they do not go with the former one.
  const after = (await claims()).get('shard-0-c-0');
  expect(after).toMatchObject({ uid: claim, size: '2Gi', isBound: true, isTerminating: false });
  expect(containers.uid('c-0')).toBe(uid);
}, 180_000);
