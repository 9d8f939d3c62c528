import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { goPrograms } from '../../../scripts/tools.mjs';
import { clusterSpec } from '../../src/api/cluster.ts';
import { ClusterSpecError, parseCluster } from '../../src/api/parse.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { installCrd } from './install-crd.ts';

type Spec = Readonly<Record<string, unknown>>;

const run = promisify(execFile);
const controlPlane = sharedControlPlane();
const MINIMAL = { auth: { secretRef: { name: 'jwt' } } };
const EXTERNAL = { servers: ['nats://nats.example:4222'] };

let crd: StoredObject;
let namespace: string;

beforeAll(async () => {
  crd = await installCrd(controlPlane().client);
  namespace = await controlPlane().createNamespace();
});

let made = 0;
let name: string;
beforeEach(() => {
  made += 1;
  name = `c-${made}`;
});

function cluster(spec: Spec): KubeObject {
  return {
    apiVersion: 'etherply.io/v1alpha1',
    kind: 'EtherPlyCluster',
    metadata: { name, namespace },
    spec: { ...MINIMAL, ...spec },
  };
}

function create(spec: Spec = {}): Promise<StoredObject> {
  return controlPlane().client.create(cluster(spec));
}

function change(spec: Spec): Promise<StoredObject> {
  return controlPlane().client.mergePatch(KINDS.EtherPlyCluster, { namespace, name }, { spec });
}

test('the definition is structural and established', () => {
  expect(crd.status).toMatchObject({
    conditions: [
      { type: 'NamesAccepted', status: 'True' },
      { type: 'Established', status: 'True' },
    ],
  });
});

describe('what is left out is filled in by the API server as by the operator:', () => {
  test.each<[what: string, spec: Spec]>([
    ['of a minimal spec', {}],
    ['of managed NATS', { nats: { managed: {} } }],
    ['of external NATS', { nats: { external: { ...EXTERNAL, credentials: { tokenRef: { name: 't' } } } } }],
    [
      'of autoscaling and a webhook',
      { autoscaling: {}, webhook: { url: 'https://h.example/', secretRef: { name: 'w' } } },
    ],
    ['of every object', { image: {}, storage: {}, stream: {}, regions: {}, ingress: { router: {} }, limits: {} }],
  ])('%s', async (_, spec) => {
    const stored = await create(spec);
    expect(stored.spec).toEqual(clusterSpec.parse({ ...MINIMAL, ...spec }));
    expect(parseCluster(stored)).toMatchObject({ name, namespace, isBeingDeleted: false, generation: 1, status: {} });
  });
});

describe('it is refused, and said what to do,', () => {
  test.each<[what: string, spec: Spec, message: string]>([
    ['when nobody could come in', { auth: {} }, 'set secretRef (a Secret with the shared secret) or jwks.url, or both'],
    ['with two kinds of NATS', { nats: { managed: {}, external: EXTERNAL } }, 'set managed or external, and not both'],
    ['with none', { nats: {} }, 'set managed or external, and not both'],
    [
      'with two credentials',
      {
        nats: { external: { ...EXTERNAL, credentials: { userRef: { name: 'u' }, tokenRef: { name: 't' } } } },
      },
      'set exactly one of userRef, tokenRef, nkeyRef and credsRef',
    ],
    [
      'with no credentials in credentials',
      { nats: { external: { ...EXTERNAL, credentials: {} } } },
      'set exactly one of userRef, tokenRef, nkeyRef and credsRef',
    ],
    ['with WebSocket URLs', { nats: { external: { servers: ['wss://b'] } } }, 'spec.nats.external.servers[0]'],
    [
      'with a password in a URL',
      { nats: { external: { servers: ['nats://u:p@a:4222'] } } },
      'spec.nats.external.servers[0]',
    ],
    [
      'with more copies than servers',
      { nats: { managed: { replicas: 1 } }, stream: { replicas: 3 } },
      'stream.replicas must not be more than nats.managed.replicas',
    ],
    [
      'with interest and regions',
      { stream: { name: 'eu', retention: 'interest' }, regions: { others: [{ name: 'us' }] } },
      'stream.retention interest does not go with regions.others',
    ],
    ['with regions and no name', { regions: { others: [{ name: 'us' }] } }, 'regions.others needs stream.name'],
    [
      'when it lists itself',
      { stream: { name: 'eu' }, regions: { others: [{ name: 'eu' }] } },
      'regions.others must not list this cluster itself',
    ],
    [
      'when it lists another one twice',
      { stream: { name: 'eu' }, regions: { others: [{ name: 'us' }, { name: 'us' }] } },
      'Duplicate value',
    ],
    [
      'with a home that nobody knows',
      { stream: { name: 'eu' }, regions: { others: [{ name: 'us' }], home: 'asia' } },
      'regions.home must be stream.name or the name of one of regions.others',
    ],
    ['with a window that is too long', { stream: { duplicateWindow: '25h' } }, 'set at most 24h'],
    [
      'with a window longer than messages are kept',
      { stream: { duplicateWindow: '60s', maxAge: '30s' } },
      'duplicateWindow must not be more than maxAge',
    ],
    [
      'with less pods at most than at least',
      { autoscaling: { minReplicas: 5, maxReplicas: 4 } },
      'minReplicas must not be',
    ],
    ['with KEDA and no Prometheus', { autoscaling: { metrics: 'keda' } }, 'metrics keda needs prometheusAddress'],
    ['with a Gateway API and no Gateway', { ingress: { mode: 'gatewayAPI' } }, 'mode gatewayAPI needs gateway.name'],
    ['with haproxy-ingress and no host', { ingress: { mode: 'haproxy-ingress' } }, 'mode haproxy-ingress needs host'],
    ['with a certificate for no host', { ingress: { tlsSecretName: 'tls' } }, 'tlsSecretName needs host'],
    ['with a message that is too large', { limits: { maxMessageBytes: '1Gi' } }, 'set 1Ki to 16Mi'],
    ['with a message that is too small', { limits: { maxMessageBytes: '100' } }, 'set 1Ki to 16Mi'],
    ['with too many shards', { storage: { shards: 17 } }, 'should be less than or equal to 16'],
    ['with two NATS servers', { nats: { managed: { replicas: 2 } } }, 'supported values: "1", "3"'],
  ])('%s', async (_, spec, message) => {
    await expect(create(spec)).rejects.toThrow(message);
  });

  test('with a name that no Service can have', async () => {
    name = '1st';
    await expect(create()).rejects.toThrow('choose a name of lower case letters, digits and -');
  });

  test('with a name that is too long for pods', async () => {
    name = 'c'.repeat(41);
    await expect(create()).rejects.toThrow('Too long: may not be more than 40');
  });
});

describe('once it is there, it cannot', () => {
  test.each<[what: string, before: Spec, after: Spec, message: string]>([
    ['have other shards', {}, { storage: { shards: 2 } }, 'where a workspace lies follows from the number of shards'],
    ['have smaller volumes', {}, { storage: { size: '9Gi' } }, 'cannot be less than it was'],
    ['have a storage class later', {}, { storage: { storageClassName: 'fast' } }, 'storageClassName cannot be changed'],
    [
      'lose its storage class',
      { storage: { storageClassName: 'fast' } },
      { storage: { storageClassName: null } },
      'storageClassName cannot be changed',
    ],
    [
      'move to external NATS',
      {},
      { nats: { managed: null, external: EXTERNAL } },
      'cannot be switched between managed and external',
    ],
    ['have more NATS servers', {}, { nats: { managed: { replicas: 3 } } }, 'servers that ran alone cannot be joined'],
    ['have smaller volumes of NATS', {}, { nats: { managed: { size: '9Gi' } } }, 'cannot be less than it was'],
    [
      'have another class of NATS volumes',
      {},
      { nats: { managed: { storageClassName: 'fast' } } },
      'storageClassName cannot be changed',
    ],
    ['have another retention', {}, { stream: { retention: 'interest' } }, 'NATS cannot change it'],
    [
      'have another stream',
      { stream: { name: 'a' } },
      { stream: { name: 'b' } },
      'name cannot be changed: pods would begin',
    ],
    ['have a named stream later', {}, { stream: { name: 'b' } }, 'name cannot be changed: pods would begin'],
  ])('%s', async (_, before, after, message) => {
    await create(before);
    await expect(change(after)).rejects.toThrow(message);
  });

  test.each<[what: string, before: Spec, after: Spec]>([
    ['larger volumes', {}, { storage: { size: '10240Mi' } }],
    ['much larger volumes', {}, { storage: { size: '1Ti' }, nats: { managed: { syncAlways: true } } }],
    ['other limits of the stream', {}, { stream: { maxAge: '24h', maxBytes: '5Gi', duplicateWindow: '60s' } }],
    ['more copies of the stream', { nats: { managed: { replicas: 3 } } }, { stream: { replicas: 3 } }],
    ['other servers', { nats: { external: EXTERNAL } }, { nats: { external: { servers: ['nats://b:4222'] } } }],
    ['another mode', {}, { ingress: { mode: 'none' }, strategy: 'lww', replicas: 5 }],
  ])('but it can have %s', async (_, before, after) => {
    await create(before);
    await expect(change(after)).resolves.toMatchObject({ metadata: { generation: 2 } });
  });
});

test('it is scaled by its scale subresource', async () => {
  await create({ replicas: 2 });
  await controlPlane().client.mergePatch(
    KINDS.EtherPlyCluster,
    { namespace, name },
    { spec: { replicas: 4 } },
    { subresource: 'scale' },
  );
  expect(await controlPlane().client.get(KINDS.EtherPlyCluster, { namespace, name })).toMatchObject({
    spec: { replicas: 4 },
  });
});

test('what another version of the schema took is told of with its path', async () => {
  const stored = await create();
  const strange = { ...stored, spec: { ...MINIMAL, strategy: 'last', storage: { shards: 'two' } } };
  expect(() => parseCluster(strange)).toThrow(ClusterSpecError);
  expect(() => parseCluster(strange)).toThrow(/spec\.strategy: .*; spec\.storage\.shards: /);
});

describe('kubectl', () => {
  const kubectl = async (...args: readonly string[]) => {
    const programs = await goPrograms('kubectl');
    const { stdout } = await run(programs.kubectl, ['--kubeconfig', controlPlane().kubeconfig, ...args]);
    return stdout;
  };

  test('explains each field of the spec', async () => {
    const fields = Object.keys(clusterSpec.shape);
    const text = await until(
      async () => {
        const explained = await kubectl('explain', 'etherplycluster.spec').catch(() => '');
        return explained.includes('FIELDS') ? explained : undefined;
      },
      { what: 'the API server publishing the schema' },
    );
    for (const field of fields) expect(text).toMatch(new RegExp(`^ {2}${field}\\t<`, 'm'));
    expect(text).toContain('What the cluster is to be.');
    expect(await kubectl('explain', 'epc.spec.storage.size')).toContain('It can only grow');
  });

  test('lists clusters with what matters of them', async () => {
    await create();
    expect(await kubectl('get', 'epc', '-n', namespace, name)).toMatch(/NAME +READY +PODS +STRATEGY +ENDPOINT +AGE/);
  });
});
