import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DiscardPolicy, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { KINDS, kindOf } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { KubeClient } from '../../src/runtime/kube-client.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { until } from '../control-plane/until.ts';
import { ClusterStage } from './cluster-stage.ts';
import { operatorCounts } from './operator-metrics.ts';
import { installKind, OPTIONAL_KINDS, removeKind } from './optional-kinds.ts';
import { differenceOf, type OwnedObjects, ownedObjects, required } from './owned-objects.ts';
import { sharedOperator } from './shared-operator.ts';

const NOTHING = { made: [], changed: [], deleted: [], rolled: [] };

let nats: NatsServer;
let connection: NatsConnection;
let streams: JetStreamManager['streams'];
let stage: ClusterStage;
/** Another manager of fields, as a mutating webhook or a person with kubectl is. */
let injector: KubeClient;

// Before the control plane ends.
afterAll(async () => {
  injector.close();
  await stage.close();
  await connection.close();
  await nats.stop();
});

const shared = sharedOperator(
  { ETHERPLY_RESYNC_SECONDS: '1' },
  // Nothing here serves metrics of pods: it would say so, and the cluster with autoscaling be well only until it did.
  { controllerManagerFlags: ['--controllers=*,-horizontal-pod-autoscaler-controller'] },
);

beforeAll(async () => {
  nats = await NatsServer.start();
  connection = await connect({ servers: nats.url });
  streams = (await jetstreamManager(connection)).streams;
  const { controlPlane } = shared();
  injector = new KubeClient(loadKubeconfig(controlPlane.kubeconfig), { fieldManager: 'injector' });
  stage = await ClusterStage.of(controlPlane, {
    nats: { external: { servers: [nats.url] } },
    ingress: { host: 'sync.example.com', className: 'traefik' },
    autoscaling: { minReplicas: 2, maxReplicas: 5 },
  });
});

function objects(): Promise<OwnedObjects> {
  return ownedObjects(stage.client, stage.namespace);
}

async function untilAsIn(before: OwnedObjects): Promise<void> {
  await until(
    async () => {
      expect(differenceOf(before, await objects())).toEqual(NOTHING);
      return true;
    },
    { what: 'all objects being what they were' },
  );
}

async function untilTold(...events: string[]): Promise<void> {
  await until(
    async () => {
      expect(await stage.events()).toEqual(expect.arrayContaining(events.map((one) => expect.stringContaining(one))));
      return true;
    },
    { what: 'Events that say so' },
  );
}

function refOf({ metadata: { name } }: StoredObject) {
  return { namespace: stage.namespace, name };
}

/** As `kubectl patch` of whoever is not the operator. */
async function patch(object: StoredObject, change: Record<string, unknown>): Promise<void> {
  await injector.mergePatch(kindOf(object), refOf(object), change);
}

test('nothing is written any more when all is as it is to be', async () => {
  const { operator } = shared();
  const writesDuring = async (reconciles: number) => {
    const before = await operatorCounts(operator);
    return until(async () => {
      const after = await operatorCounts(operator);
      return after.reconciles >= before.reconciles + reconciles && { writes: after.writes - before.writes };
    });
  };
  // What was begun, and Events of it, is done first.
  await until(async () => (await writesDuring(4)).writes === 0, { what: 'an end of writing' });
  expect(await writesDuring(12)).toEqual({ writes: 0 });
});

const BY_HAND: Readonly<Record<string, Record<string, unknown>>> = {
  'ServiceAccount c': { automountServiceAccountToken: true },
  'ConfigMap c-router': { data: { 'haproxy.cfg': 'nothing' } },
  'Service c': { spec: { selector: { 'app.kubernetes.io/component': 'nobody' } } },
  'Service c-pods': { spec: { publishNotReadyAddresses: false } },
  'NetworkPolicy c': { spec: { policyTypes: ['Egress'] } },
  'NetworkPolicy c-router': { spec: { ingress: [{}] } },
  'PodDisruptionBudget c': { spec: { maxUnavailable: 3 } },
  'PodDisruptionBudget c-router': { spec: { selector: { matchLabels: { a: 'b' } } } },
  'StatefulSet c': { spec: { updateStrategy: { type: 'RollingUpdate' }, replicas: 1 } },
  'Deployment c-router': {
    spec: { replicas: 5, template: { metadata: { annotations: { 'etherply.io/config-hash': 'x' } } } },
  },
  'HorizontalPodAutoscaler c': { spec: { maxReplicas: 50 } },
  'Ingress c': { spec: { rules: [{ host: 'other.example.com' }] } },
};

test('whatever is changed by hand in an object of any kind is put back, and an Event says so', async () => {
  const before = await objects();
  expect([...before.keys()].sort()).toEqual(Object.keys(BY_HAND).sort());
  for (const [name, change] of Object.entries(BY_HAND)) await patch(required(before, name), change);
  await untilAsIn(before);
  await untilTold(...Object.keys(BY_HAND).map((name) => `Restored: ${name} was put back`));
});

test('whatever is deleted by hand is made again, and an Event says so', async () => {
  const before = await objects();
  for (const object of before.values())
    await stage.client.delete(kindOf(object), refOf(object), { propagation: 'Background' });
  await until(
    async () => {
      const after = await objects();
      return [...before].every(
        ([name, { metadata }]) => ![undefined, metadata.uid].includes(after.get(name)?.metadata.uid),
      );
    },
    { what: 'all objects being made again' },
  );
  await untilTold(...[...before.keys()].map((name) => `Created: ${name} was made: it is not there`));
  await stage.cluster.isWell();
  // Longer than each wait in it, which says what did not come about.
}, 150_000);

test('labels and owners that are taken away come back', async () => {
  const before = await objects();
  const owners = (all: OwnedObjects) => [...all].map(([name, { metadata }]) => [name, metadata.ownerReferences]);
  for (const object of before.values()) {
    await patch(object, { metadata: { labels: { 'etherply.io/cluster': null } } });
  }
  await untilAsIn(before);
  for (const object of before.values()) await patch(object, { metadata: { ownerReferences: null } });
  await until(
    async () => {
      expect(owners(await objects())).toEqual(owners(before));
      return true;
    },
    { what: 'owners coming back' },
  );
});

test('what others add stays, also when the operator changes what is its own', async () => {
  const before = await objects();
  const told = shared().operator.output.length;
  for (const object of before.values()) {
    await patch(object, {
      metadata: { labels: { 'example.com/team': 'chat' }, annotations: { 'example.com/note': 'theirs' } },
    });
  }
  const sidecar = { name: 'sidecar', image: 'proxy:1' };
  for (const name of ['StatefulSet c', 'Deployment c-router']) {
    const { apiVersion, kind, metadata } = required(before, name);
    const spec = { template: { spec: { containers: [sidecar] } } };
    await injector.apply({ apiVersion, kind, metadata: { namespace: stage.namespace, name: metadata.name }, spec });
  }
  await stage.client.mergePatch(KINDS.EtherPlyCluster, stage.cluster.ref, {
    spec: { monitoring: { logLevel: 'warn' }, ingress: { router: { image: 'haproxy:3.3' } } },
  });
  await until(
    async () =>
      differenceOf(before, await objects()).rolled.length === 2 &&
      (await stage.cluster.condition('Progressing'))?.reason === 'Rolling',
  );
  const { reconciles } = await operatorCounts(shared().operator);
  await until(async () => (await operatorCounts(shared().operator)).reconciles > reconciles + 2);

  const after = await objects();
  for (const object of after.values()) {
    expect(object.metadata).toMatchObject({
      labels: { 'example.com/team': 'chat' },
      annotations: { 'example.com/note': 'theirs' },
    });
  }
  const containers = (...fields: Record<string, unknown>[]) => ({
    spec: {
      template: { spec: { containers: expect.arrayContaining(fields.map((one) => expect.objectContaining(one))) } },
    },
  });
  expect(required(after, 'StatefulSet c')).toMatchObject(
    containers(sidecar, {
      name: 'sync-pod',
      env: expect.arrayContaining([{ name: 'ETHERPLY_LOG_LEVEL', value: 'warn' }]),
    }),
  );
  expect(required(after, 'Deployment c-router')).toMatchObject(
    containers(sidecar, { name: 'haproxy', image: 'haproxy:3.3' }),
  );
  expect(shared().operator.output.slice(told)).not.toContain('was put back');
});

test('how many pods there are to be is left to whoever scales the cluster', async () => {
  await stage.client.mergePatch(
    KINDS.EtherPlyCluster,
    stage.cluster.ref,
    { spec: { replicas: 5 } },
    { subresource: 'scale' },
  );
  await until(
    async () => {
      expect(required(await objects(), 'StatefulSet c')).toMatchObject({ spec: { replicas: 5 } });
      return true;
    },
    { what: '5 pods' },
  );
  const { reconciles } = await operatorCounts(shared().operator);
  await until(async () => (await operatorCounts(shared().operator)).reconciles > reconciles + 2);
  expect(await stage.cluster.get()).toMatchObject({ spec: { replicas: 5 } });
});

test('a stream that is changed or deleted by hand is repaired, and an Event says so', async () => {
  const name = `${stage.namespace}_c`;
  const before = (await streams.info(name)).config;
  const isRepaired = async () => {
    const { metadata: _, ...config } = (await streams.info(name)).config;
    expect(before).toMatchObject(config);
    return true;
  };
  await streams.update(name, {
    max_age: nanos(600_000),
    discard: DiscardPolicy.Old,
    republish: { src: '>', dest: 'elsewhere.>' },
  });
  await until(isRepaired, { what: 'the stream being what it was' });
  await untilTold(`StreamUpdated: the stream ${name} was made what the spec says: max_age, discard, republish`);
  await streams.delete(`OBJ_${name}-payloads`);
  await streams.delete(name);
  await until(isRepaired, { what: 'the stream being made again' });
  await until(() => streams.info(`OBJ_${name}-payloads`), { what: 'the bucket being made again' });
  await untilTold(`StreamCreated: the stream ${name} was made`);
});

describe('kinds that others bring', () => {
  const OBJECTS = [
    [KINDS.PodMonitor, 'c'],
    [KINDS.HTTPRoute, 'c'],
    [KINDS.BackendTrafficPolicy, 'c'],
    [KINDS.ScaledObject, 'c'],
  ] as const;

  test('are made when they are installed later, are put back and made again, and may be removed', async () => {
    const { controlPlane } = shared();
    const { client } = controlPlane;
    const one = await ClusterStage.of(controlPlane, { nats: { external: { servers: [nats.url] } } });
    const { cluster, namespace } = one;
    const get = (kind: (typeof OBJECTS)[number][0]) => client.get(kind, { namespace, name: 'c' });
    const untilAllAreThere = () =>
      until(
        async () => (await Promise.all(OBJECTS.map(([kind]) => get(kind)))).every((object) => object !== undefined),
        {
          what: 'all objects of kinds that others bring',
        },
      );
    try {
      await client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, {
        spec: {
          ingress: { mode: 'gatewayAPI', gateway: { name: 'gate' }, host: 'sync.example.com' },
          autoscaling: { metrics: 'keda', prometheusAddress: 'http://prometheus.monitoring.svc:9090' },
        },
      });
      expect(await cluster.has('IngressReady', 'False', 'GatewayApiMissing')).toMatchObject({
        message: expect.stringContaining('install the Gateway API, or change spec.ingress'),
      });
      await cluster.has('ScalingBlocked', 'True', 'KedaMissing');

      for (const kind of OPTIONAL_KINDS) await installKind(client, kind);
      await untilAllAreThere();
      await cluster.has('IngressReady', 'True', 'Applied');
      await cluster.has('ScalingBlocked', 'False');

      const before = await get(KINDS.PodMonitor);
      await injector.mergePatch(KINDS.PodMonitor, { namespace, name: 'c' }, { spec: { podMetricsEndpoints: [] } });
      await injector.mergePatch(
        KINDS.HTTPRoute,
        { namespace, name: 'c' },
        { spec: { hostnames: ['other.example.com'] } },
      );
      await client.delete(KINDS.ScaledObject, { namespace, name: 'c' });
      await client.delete(KINDS.BackendTrafficPolicy, { namespace, name: 'c' });
      await untilAllAreThere();
      await until(async () => {
        expect((await get(KINDS.PodMonitor))?.spec).toEqual(before?.spec);
        expect((await get(KINDS.HTTPRoute))?.spec).toMatchObject({ hostnames: ['sync.example.com'] });
        return true;
      });

      for (const kind of OPTIONAL_KINDS) await removeKind(client, kind);
      await cluster.has('IngressReady', 'False', 'GatewayApiMissing');
      await cluster.has('ScalingBlocked', 'True', 'KedaMissing');
      await client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, {
        spec: { autoscaling: null, ingress: { mode: 'router' } },
      });
      await cluster.has('Degraded', 'False', 'AsExpected');
      for (const kind of OPTIONAL_KINDS) await installKind(client, kind);
      await until(() => get(KINDS.PodMonitor), { what: 'the PodMonitor of the second time' });
    } finally {
      await one.close();
    }
  });
});
