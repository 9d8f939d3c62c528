import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { Containers } from '../containers.ts';
import { until } from '../control-plane/until.ts';
import type { KubeletOptions } from '../kubelet.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { ClusterStage } from './cluster-stage.ts';
import { sharedOperator } from './shared-operator.ts';

const shared = sharedOperator({ ETHERPLY_RESYNC_SECONDS: '2' });

/** With a NATS server of its own, and nothing else yet. */
async function onStage(
  test: (stage: ClusterStage, nats: NatsServer) => Promise<void>,
  { config, ...options }: KubeletOptions & { readonly config?: string } = {},
): Promise<void> {
  const nats = await NatsServer.start(config);
  const stage = await ClusterStage.open(shared().controlPlane, options);
  try {
    await test(stage, nats);
  } finally {
    await stage.close();
    await nats.stop();
  }
}

function withNats({ url }: NatsServer, spec: Record<string, unknown> = {}): Record<string, unknown> {
  return { nats: { external: { servers: [url] } }, ...spec };
}

test('a spec that cannot be is refused, with what to write instead', async () => {
  await onStage(async ({ cluster }) => {
    const specs: [Record<string, unknown>, string][] = [
      [{ auth: {} }, 'set secretRef (a Secret with the shared secret) or jwks.url, or both'],
      [{ nats: { managed: {}, external: { servers: ['nats://n:4222'] } } }, 'set managed or external, and not both'],
      [{ ingress: { mode: 'gatewayAPI' } }, 'mode gatewayAPI needs gateway.name'],
      [{ autoscaling: { minReplicas: 5, maxReplicas: 2 } }, 'minReplicas must not be more than maxReplicas'],
      [{ replicas: 0 }, 'spec.replicas'],
      [{ storage: { size: 'large' } }, 'spec.storage.size'],
    ];
    for (const [spec, message] of specs) await expect(cluster.apply(spec)).rejects.toThrow(message);
    expect(await cluster.get()).toBeUndefined();
  });
});

test('a Secret that is missing, or lacks its key, is named', async () => {
  await onStage(async ({ client, namespace, cluster }, nats) => {
    await cluster.apply(withNats(nats));
    await says(
      cluster,
      'Degraded',
      'SecretMissing',
      /^spec.auth.secretRef: there is no Secret jwt; create it with the key jwt-secret$/,
    );
    await says(cluster, 'Available', 'SecretMissing', /create it/);
    const metadata = { namespace, name: 'jwt' };
    await client.create({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { secret: 'under another key' } });
    await says(cluster, 'Degraded', 'SecretMissing', /the Secret jwt lacks the key jwt-secret; add what is missing/);
    await cluster.createSecret();
    await cluster.isWell();
  });
});

test('NATS that cannot be reached, or refuses the credentials, is told of with where to look', async () => {
  const users = (password: string) => `authorization { user: etherply, password: "${password}" }`;
  await onStage(
    async ({ client, namespace, cluster }, nats) => {
      await nats.end('SIGKILL');
      await cluster.createSecret();
      const setPassword = (password: string) =>
        client.apply({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { namespace, name: 'nats' },
          stringData: { user: 'etherply', password },
        });
      await setPassword('wrong');
      await cluster.apply({ nats: { external: { servers: [nats.url], credentials: { userRef: { name: 'nats' } } } } });
      await says(cluster, 'StreamReady', 'NatsUnreachable', /^NATS cannot be reached at nats:/);
      await says(cluster, 'Degraded', 'NatsUnreachable', /NATS cannot be reached/);
      await nats.restart(users('right'));
      await says(cluster, 'StreamReady', 'NatsUnreachable', /refuses the credentials: look at Secret nats$/);
      await setPassword('right');
      await cluster.has('StreamReady', 'True');
      await cluster.has('Degraded', 'False', 'AsExpected');
    },
    { config: users('right') },
  );
});

test.each([
  [
    'no storage class is the default one',
    'standard',
    {},
    'NoStorageClass',
    /no storage class is the default one. Mark one/,
  ],
  [
    'the storage class is not there',
    'fast',
    { storageClassName: 'fast' },
    'StorageClassMissing',
    /there is no storage class fast. Create it/,
  ],
])('%s: it is said, and volumes come when there is one', async (_, name, storage, reason, message) => {
  const { client } = shared().controlPlane;
  await client.delete(KINDS.StorageClass, { name: 'standard' });
  let isThere = false;
  const unbound = { unschedulable: 'pod has unbound immediate PersistentVolumeClaims' };
  await onStage(
    async ({ cluster }, nats) => {
      await cluster.createSecret();
      await cluster.apply(withNats(nats, { storage }));
      await says(cluster, 'StorageReady', reason, message);
      await says(cluster, 'Degraded', 'PodFailing', message);
      await client.apply({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: {
          name,
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
        provisioner: 'kubernetes.io/no-provisioner',
        allowVolumeExpansion: true,
      });
      isThere = true;
      await cluster.isWell();
    },
    { provisions: () => isThere, stateOf: () => (isThere ? 'ready' : unbound) },
  );
  await client.delete(KINDS.StorageClass, { name: 'fast' });
});

test('an image that does not exist is told of, and pods are made anew as soon as there is another one', async () => {
  const isWrong = (pod: StoredObject) => JSON.stringify(pod.spec).includes('sync-pod:nope');
  await onStage(
    async ({ client, cluster }, nats) => {
      await cluster.createSecret();
      await cluster.apply(withNats(nats, { image: { tag: 'nope' } }));
      await says(cluster, 'Degraded', 'PodFailing', /c-0: sync-pod: ImagePullBackOff: Back-off pulling image/);
      await says(cluster, 'Available', 'NoPodReady', /ImagePullBackOff/);
      await client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, { spec: { image: { tag: '1.0.0' } } });
      await cluster.isWell();
    },
    {
      stateOf: (pod) =>
        isWrong(pod) ? { waiting: 'ImagePullBackOff', message: 'Back-off pulling image "sync-pod:nope"' } : 'ready',
    },
  );
});

test('a StatefulSet that is deleted by hand, whichever way, is made again with the same volumes', async () => {
  await onStage(async (stage, nats) => {
    const { client, namespace, cluster } = stage;
    await cluster.createSecret();
    await cluster.apply(withNats(nats));
    await cluster.isWell();
    for (const propagation of ['Background', 'Foreground', 'Orphan'] as const) {
      const before = await client.get(KINDS.StatefulSet, { namespace, name: 'c' });
      await client.delete(KINDS.StatefulSet, { namespace, name: 'c' }, { propagation });
      await until(
        async () => {
          const after = await client.get(KINDS.StatefulSet, { namespace, name: 'c' });
          return after !== undefined && after.metadata.uid !== before?.metadata.uid;
        },
        { what: `a StatefulSet after ${propagation}` },
      );
      await cluster.isWell();
    }
    const { items } = await client.list(KINDS.PersistentVolumeClaim, { namespace });
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(['shard-0-c-0', 'shard-0-c-1', 'shard-0-c-2']);
  });
});

test('a pod whose claim is deleted by hand hands over what it has, and begins again on an empty volume', async () => {
  const { controlPlane } = shared();
  const { client } = controlPlane;
  const namespace = await controlPlane.createNamespace();
  const cluster = new ClusterFixture(client, namespace);
  const nats = await NatsServer.start();
  const containers = await Containers.follow(client, namespace);
  const ofClaim = async () => {
    const found = await client.get(KINDS.PersistentVolumeClaim, { namespace, name: 'shard-0-c-1' });
    return found?.metadata.uid;
  };
  try {
    await cluster.createSecret();
    await cluster.apply(withNats(nats, { replicas: 2 }));
    await cluster.isWell();
    const before = await ofClaim();
    await client.delete(KINDS.PersistentVolumeClaim, { namespace, name: 'shard-0-c-1' });
    await says(
      cluster,
      'StorageReady',
      'ClaimDeleted',
      /^a claim of c-1 was deleted: .* Until then do not delete the pod$/,
    );
    await until(async () => ![undefined, before].includes(await ofClaim()), { what: 'a new claim' });
    await cluster.isWell();
    const events = (await client.list(KINDS.Event, { namespace })).items.map(({ note }) => note);
    expect(events).toContain('c-1 is made anew: a claim of it was deleted');
  } finally {
    await cluster.delete();
    await containers.stop();
    await nats.stop();
  }
});

const core = (plural: string, namespace: string, name?: string) =>
  `/api/v1/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;

test.each([
  [
    'a quota that is used up',
    { kind: 'ResourceQuota', plural: 'resourcequotas', spec: { hard: { pods: '2' } } },
    /Kubernetes makes no more pods: .*exceeded quota: limit.*Raise the quota or limit/,
  ],
  [
    'a limit that pods are beyond',
    { kind: 'LimitRange', plural: 'limitranges', spec: { limits: [{ type: 'Container', max: { memory: '256Mi' } }] } },
    /Kubernetes makes no more pods: .*less than or equal to memory limit of 256Mi.*Raise the quota or limit/,
  ],
])(
  '%s is told of, and pods come when there is room',
  async (_, { kind, plural, spec }, message) => {
    await onStage(async ({ client, namespace, cluster }, nats) => {
      const body = { apiVersion: 'v1', kind, metadata: { name: 'limit' }, spec };
      await client.request('POST', core(plural, namespace), { body });
      await cluster.createSecret();
      await cluster.apply(withNats(nats, { ingress: { mode: 'none' } }));
      await says(cluster, 'Degraded', 'PodsRefused', message);
      await client.request('DELETE', core(plural, namespace, 'limit'));
      await cluster.isWell();
    });
  },
  120_000,
);

test('pods of NATS that a quota refuses are told of', async () => {
  await onStage(async ({ client, namespace, cluster }) => {
    const body = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'limit' },
      spec: { hard: { pods: '0' } },
    };
    await client.request('POST', core('resourcequotas', namespace), { body });
    await cluster.createSecret();
    await cluster.apply({ auth: { secretRef: { name: 'jwt' } }, ingress: { mode: 'none' } });
    await says(cluster, 'Degraded', 'PodsRefused', /-nats-0 in StatefulSet .*-nats failed.*exceeded quota: limit/);
  });
});

const rules = z.looseObject({
  rules: z.array(z.looseObject({ resources: z.array(z.string()), verbs: z.array(z.string()) })),
});

test.each([
  ['networkpolicies', 'patch', /cannot patch resource "networkpolicies".*Give the operator what its chart gives it/],
  ['secrets', 'get', /cannot get resource "secrets".*Give the operator what its chart gives it/],
])(
  'where the operator may no longer do something with %s (%s) it says so, and goes on when it may',
  async (resource, verb, message) => {
    await onStage(async ({ client, cluster }, nats) => {
      await cluster.createSecret();
      await cluster.apply(withNats(nats));
      await cluster.isWell();
      const role = { name: 'etherply-operator' };
      const before = rules.parse(await client.get(KINDS.ClusterRole, role)).rules;
      const without = before.map((rule) =>
        rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
      );
      await client.mergePatch(KINDS.ClusterRole, role, { rules: without });
      try {
        const spec = { networkPolicy: { allowFrom: [{ ipBlock: { cidr: '10.0.0.0/8' } }] } };
        await client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, { spec });
        await says(cluster, 'Degraded', 'Refused', message);
      } finally {
        await client.mergePatch(KINDS.ClusterRole, role, { rules: before });
      }
      await cluster.isWell();
    });
  },
);

/** Resolves when a condition says so. */
async function says(cluster: ClusterFixture, type: string, reason: string, message: RegExp): Promise<void> {
  await until(
    async () => {
      expect(await cluster.condition(type)).toMatchObject({ reason, message: expect.stringMatching(message) });
      return true;
    },
    { what: `${type} saying why`, timeoutMs: 40_000 },
  );
}
