import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { streamNameOf } from '../../src/api/stream-name.ts';
import { generatedSecrets, neededSecrets, secretObject } from '../../src/desired/secrets.ts';
import { kindOf } from '../../src/kube/kinds.ts';
import { circumstancesOf, clusterOf, idsOf, objectsOf, type Written } from './fixture.ts';
import { SPECS } from './specs.ts';

const ALL = [...SPECS];

describe.each(ALL)('all objects of %s', (_, written) => {
  test('are of the cluster, and go with it', () => {
    for (const { metadata } of objectsOf(written)) {
      expect(metadata).toMatchObject({
        namespace: 'chat',
        labels: {
          'app.kubernetes.io/name': 'etherply',
          'app.kubernetes.io/instance': 'demo',
          'app.kubernetes.io/managed-by': 'etherply-operator',
          'etherply.io/cluster': 'demo',
        },
        ownerReferences: [
          {
            apiVersion: 'etherply.io/v1alpha1',
            kind: 'EtherPlyCluster',
            name: 'demo',
            uid: clusterOf().uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      });
    }
  });

  test('are of kinds that the operator knows, each once', () => {
    const ids = idsOf(objectsOf(written));
    expect(new Set(ids).size).toBe(ids.length);
    for (const object of objectsOf(written)) expect(kindOf(object).namespaced).toBe(true);
  });

  test('are the same each time, and plain JSON', () => {
    const objects = objectsOf(written);
    expect(objectsOf(written)).toEqual(objects);
    expect(JSON.parse(JSON.stringify(objects))).toStrictEqual(objects);
  });

  test('have pods that choose only labels that they have', () => {
    for (const { kind, spec } of objectsOf(written)) {
      if (kind !== 'StatefulSet' && kind !== 'Deployment') continue;
      const { selector, template } = Object(spec);
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    }
  });

  test('name each Secret that pods take something of among those that they need', () => {
    const needed = new Set(neededSecrets(clusterOf(written)).map(({ name }) => name));
    const text = JSON.stringify(objectsOf(written).filter(({ metadata }) => metadata.name === 'demo'));
    const named = [...text.matchAll(/"secret(?:KeyRef)?":\{"name":"([^"]+)"/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(named)).toEqual(needed);
  });
});

test('of any number of pods and shards, each change of them alone changes nothing else but the number', () => {
  const counts = fc.record({ replicas: fc.integer({ min: 1, max: 99 }), now: fc.integer({ min: 0, max: 99 }) });
  fc.assert(
    fc.property(fc.constantFrom(...ALL), counts, ([, written], { replicas, now }) => {
      const withCount = (spec: Written, count: number) =>
        objectsOf(spec, { replicas: count }).filter(({ kind }) => kind !== 'ConfigMap' && kind !== 'Deployment');
      const plain = (spec: Written, count: number) =>
        JSON.stringify(withCount(spec, count)).replace(/"replicas":\d+,"serviceName":"demo-pods"/, '');
      expect(plain({ ...written, replicas }, now)).toBe(plain(written, 3));
    }),
    { numRuns: 50 },
  );
});

describe('Secrets', () => {
  test('that the operator makes are told of without what is random in them', () => {
    expect(generatedSecrets(clusterOf())).toEqual([
      { name: 'demo-control', component: 'sync-pod', keys: [{ key: 'token', bytes: 32 }] },
      {
        name: 'demo-nats',
        component: 'nats',
        keys: [
          { key: 'user', value: 'etherply' },
          { key: 'password', bytes: 32 },
        ],
      },
    ]);
    expect(idsOf(objectsOf()).filter((id) => id.startsWith('Secret/'))).toEqual([]);
  });

  test('of managed NATS are not made for external NATS', () => {
    const external = { servers: ['nats://a.example:4222'] };
    expect(generatedSecrets(clusterOf({ nats: { external } })).map(({ name }) => name)).toEqual(['demo-control']);
  });

  test('are objects of the cluster, as the others', () => {
    const [control] = generatedSecrets(clusterOf());
    if (control === undefined) throw new Error('there is no Secret');
    expect(secretObject(clusterOf(), control, { token: 'abc' })).toMatchObject({
      kind: 'Secret',
      metadata: {
        name: 'demo-control',
        labels: { 'etherply.io/cluster': 'demo' },
        ownerReferences: [{ name: 'demo' }],
      },
      data: { token: 'YWJj' },
    });
  });

  test('that a spec names are told of with its fields and keys', () => {
    const [, written] = ALL.find(([what]) => what === 'one with external NATS and TLS') ?? [];
    expect(neededSecrets(clusterOf(written))).toEqual([
      { name: 'demo-auth', keys: ['jwt-secret'], field: 'auth.secretRef' },
      { name: 'nats-creds', keys: ['creds'], field: 'nats.external.credentials.credsRef' },
      { name: 'nats-ca', keys: ['ca.crt'], field: 'nats.external.tls.caRef' },
      { name: 'nats-cert', keys: ['tls.crt', 'tls.key'], field: 'nats.external.tls.certificateRef' },
      { name: 'demo-control', keys: ['token'], field: undefined },
    ]);
  });
});

describe('the name in NATS', () => {
  const named = (namespace: string, name: string) => streamNameOf({ ...clusterOf(), namespace, name });

  test('is that of the spec, or made of namespace and name', () => {
    expect(streamNameOf(clusterOf({ stream: { name: 'eu' } }))).toBe('eu');
    expect(named('chat', 'demo')).toBe('chat_demo');
  });

  test('is one that NATS takes, and different for different clusters, however long they are', () => {
    const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
    const long = 'n'.repeat(63);
    expect(named(long, 'a')).not.toBe(named(long, 'b'));
    fc.assert(
      fc.property(label, label, (namespace, name) => {
        expect(named(namespace, name)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(named(namespace, name)).not.toBe(named(namespace, `${name}x`));
      }),
    );
  });
});

test('machines are emptied one pod of each kind at a time', () => {
  const budgets = objectsOf().filter(({ kind }) => kind === 'PodDisruptionBudget');
  expect(idsOf(budgets).sort()).toEqual([
    'PodDisruptionBudget/demo',
    'PodDisruptionBudget/demo-nats',
    'PodDisruptionBudget/demo-router',
  ]);
  for (const { spec } of budgets) expect(spec).toMatchObject({ maxUnavailable: 1 });
});

test('without any optional kind there are only objects that every Kubernetes has', () => {
  const apis = { podMonitor: false, httpRoute: false, backendTrafficPolicy: false, scaledObject: false };
  const versions = ALL.flatMap(([, written]) =>
    objectsOf(written, circumstancesOf({ apis })).map((one) => one.apiVersion),
  );
  expect([...new Set(versions)].sort()).toEqual([
    'apps/v1',
    'autoscaling/v2',
    'networking.k8s.io/v1',
    'policy/v1',
    'v1',
  ]);
});
