import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { KINDS } from '../../src/kube/kinds.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import {
  CHART,
  helm,
  inRepository,
  kubectl,
  manifestsOf,
  RELEASE_NAMESPACE,
  renderedText,
  type Values,
  valueFlags,
} from './commands.ts';
import { VALUE_SETS } from './value-sets.ts';

const controlPlane = sharedControlPlane();

const CRD = { name: 'etherplyclusters.etherply.io' };
const SAMPLES = inRepository('manifests/samples');

const METRICS_VERSION = 'custom.metrics.k8s.io/v1beta2';

const tlsSecret = z.looseObject({
  data: z.object({ 'ca.crt': z.string(), 'tls.crt': z.string(), 'tls.key': z.string() }),
});
const address = z.looseObject({ port: z.number() });
const review = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) });

const onCluster = () => ['--kubeconfig', controlPlane().kubeconfig];

function release(verb: 'install' | 'upgrade', values: Values = {}, chart = CHART): Promise<string> {
  return helm(verb, 'etherply', chart, '--namespace', RELEASE_NAMESPACE, ...onCluster(), ...valueFlags(values));
}

function uninstall(): Promise<string> {
  return helm('uninstall', 'etherply', '--namespace', RELEASE_NAMESPACE, ...onCluster());
}

/** What a request to make these objects comes to, with every field known; nothing is made. */
async function dryRun(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'etherply-dry-run-'));
  try {
    const file = join(folder, 'objects.yaml');
    await writeFile(file, text);
    const flags = ['--dry-run=server', '--validate=strict', '--filename', file];
    return await kubectl('apply', '--server-side', '--force-conflicts', ...flags, ...onCluster());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Access {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** Whether somebody may do something, as the API server decides it. */
async function mayDo(
  who: { readonly user: string; readonly groups?: readonly string[] },
  access: Access,
): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { ...who, resourceAttributes: access },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  return review.parse(await controlPlane().client.request('POST', path, { body })).status.allowed;
}

const OPERATOR = { user: `system:serviceaccount:${RELEASE_NAMESPACE}:etherply-operator` };

beforeAll(async () => {
  const { client } = controlPlane();
  const text = await readFile(inRepository('manifests/base/namespace.yaml'), 'utf8');
  for (const namespace of manifestsOf(text)) await client.create(namespace);
  for (const name of ['team-a', 'team-b', '2026']) {
    await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  // Pods are refused before.
  const account = { namespace: RELEASE_NAMESPACE, name: 'default' };
  await until(() => client.get(KINDS.ServiceAccount, account), { what: 'the service account `default`' });
});

describe('what the chart makes is taken by an API server that knows every field', () => {
  test.each(VALUE_SETS)('with %s', async (_, values) => {
    const text = await renderedText(values);
    const made = (await dryRun(text)).trim().split('\n');
    expect(made).toHaveLength(manifestsOf(text).length);
  });

  test('and so is the kustomize base', async () => {
    const text = await kubectl('kustomize', inRepository('manifests/base'));
    expect(await dryRun(text)).toContain('deployment.apps/etherply-operator serverside-applied');
  });
});

test('the definition comes with the release, changes with it, and stays with its clusters when the release goes', async () => {
  const { client } = controlPlane();
  const definition = () => client.get(KINDS.CustomResourceDefinition, CRD);
  const minimal = await readFile(join(SAMPLES, 'minimal.yaml'), 'utf8');
  const changed = await mkdtemp(join(tmpdir(), 'etherply-chart-'));
  try {
    await cp(CHART, changed, { recursive: true });
    const file = join(changed, 'files/etherplyclusters.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('A cluster of sync pods', 'Many sync pods'));

    expect(await release('install')).toContain('kubectl -n default create secret generic jwt');
    expect(JSON.stringify(await definition())).toContain('A cluster of sync pods');
    const [cluster] = manifestsOf(minimal);
    if (cluster === undefined) throw new Error('minimal.yaml is empty');
    await kubectl('wait', '--for=condition=Established', `crd/${CRD.name}`, ...onCluster());
    await kubectl('create', '--namespace', 'team-a', '--filename', join(SAMPLES, 'minimal.yaml'), ...onCluster());

    await release('upgrade', {}, changed);
    expect(JSON.stringify(await definition())).toContain('Many sync pods');

    await uninstall();
    await expect(definition()).resolves.toBeDefined();
    await expect(client.get(KINDS.EtherPlyCluster, { namespace: 'team-a', name: 'minimal' })).resolves.toBeDefined();
    await expect(
      client.get(KINDS.Deployment, { namespace: RELEASE_NAMESPACE, name: 'etherply-operator' }),
    ).resolves.toBeUndefined();

    await release('install'); // takes over what is there
    expect(JSON.stringify(await definition())).toContain('A cluster of sync pods');
  } finally {
    await rm(changed, { recursive: true, force: true });
  }
  await uninstall();
});

describe('once it is installed', () => {
  beforeAll(async () => {
    await release('install', { metricsApi: { enabled: true } });
    await kubectl('wait', '--for=condition=Established', `crd/${CRD.name}`, ...onCluster());
  });

  test('its pods are let into a namespace that is restricted', async () => {
    const flags = ['--namespace', RELEASE_NAMESPACE, '--timeout=30s', ...onCluster()];
    await kubectl('wait', '--for=jsonpath={.status.replicas}=2', 'deployment/etherply-operator', ...flags);
  });

  test('the certificate of the metrics API is kept when the release is upgraded', async () => {
    const secret = () =>
      controlPlane().client.get(KINDS.Secret, { namespace: RELEASE_NAMESPACE, name: 'etherply-operator-metrics-api' });
    const before = await secret();
    await release('upgrade', { metricsApi: { enabled: true }, replicas: 3 });
    expect((await secret())?.data).toEqual(before?.data);
  });

  test.each([
    ['patch', 'etherplyclusters', 'etherply.io', 'status'],
    ['update', 'etherplyclusters', 'etherply.io', 'finalizers'],
    ['get', 'secrets', '', ''],
    ['create', 'statefulsets', 'apps', ''],
    ['patch', 'persistentvolumeclaims', '', ''],
    ['watch', 'storageclasses', 'storage.k8s.io', ''],
    ['create', 'events', 'events.k8s.io', ''],
  ])('the operator may %s %s of %s/%s', async (verb, resource, group, subresource) => {
    expect(await mayDo(OPERATOR, { verb, resource, group, subresource, namespace: 'team-a' })).toBe(true);
  });

  test.each([
    ['list', 'secrets', ''],
    ['watch', 'secrets', ''],
    ['create', 'pods', ''],
    ['create', 'etherplyclusters', 'etherply.io'],
    ['delete', 'etherplyclusters', 'etherply.io'],
    ['create', 'rolebindings', 'rbac.authorization.k8s.io'],
    ['get', 'nodes', ''],
    ['update', 'leases', 'coordination.k8s.io'],
  ])('the operator may not %s %s', async (verb, resource, group) => {
    expect(await mayDo(OPERATOR, { verb, resource, group, namespace: 'team-a' })).toBe(false);
  });

  test('the operator may hold its own lease and no other', async () => {
    const lease = { verb: 'update', resource: 'leases', group: 'coordination.k8s.io', namespace: RELEASE_NAMESPACE };
    expect(await mayDo(OPERATOR, { ...lease, name: 'etherply-operator' })).toBe(true);
    expect(await mayDo(OPERATOR, { ...lease, name: 'another' })).toBe(false);
  });

  test('the operator may read whose certificates the API server shows, and the autoscaler may read metrics', async () => {
    const config = {
      verb: 'get',
      resource: 'configmaps',
      namespace: 'kube-system',
      name: 'extension-apiserver-authentication',
    };
    expect(await mayDo(OPERATOR, config)).toBe(true);
    const autoscaler = { user: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler' };
    const metric = {
      verb: 'get',
      resource: 'pods',
      group: 'custom.metrics.k8s.io',
      subresource: 'etherply_ops_per_second',
      name: '*',
    };
    expect(await mayDo(autoscaler, { ...metric, namespace: 'team-a' })).toBe(true);
  });

  test('the API server trusts the metrics API by the certificate that was made', async () => {
    const { client } = controlPlane();
    const ref = { namespace: RELEASE_NAMESPACE, name: 'etherply-operator-metrics-api' };
    const { data } = tlsSecret.parse(await client.get(KINDS.Secret, ref));
    const pem = (name: keyof typeof data) => Buffer.from(data[name], 'base64');
    const resources = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: METRICS_VERSION, resources: [] };
    const server = createServer({ cert: pem('tls.crt'), key: pem('tls.key') }, (_, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(resources));
    }).listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = address.parse(server.address());
      // There are no pods: the name of the Service leads here.
      const spec = {
        type: 'ExternalName',
        externalName: 'localhost',
        clusterIP: null,
        clusterIPs: null,
        selector: null,
      };
      await client.mergePatch(KINDS.Service, ref, { spec });
      await client.mergePatch(
        KINDS.APIService,
        { name: `v1beta2.custom.metrics.k8s.io` },
        { spec: { service: { port } } },
      );
      const answer = () => client.request('GET', `/apis/${METRICS_VERSION}`);
      expect(await until(answer, { what: 'the metrics API being reached' })).toEqual(resources);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test.each([
    ['view', 'list', true],
    ['view', 'patch', false],
    ['edit', 'patch', true],
    ['admin', 'delete', true],
  ])('whoever has %s may %s clusters: %s', async (role, verb, allowed) => {
    const user = `who-has-${role}-to-${verb}`;
    await kubectl(
      'create',
      'rolebinding',
      user,
      `--clusterrole=${role}`,
      `--user=${user}`,
      '--namespace=team-a',
      ...onCluster(),
    );
    const access = { verb, resource: 'etherplyclusters', group: 'etherply.io', namespace: 'team-a' };
    // The API server hears of a role that is given a moment later. Each of them lets list.
    await until(() => mayDo({ user }, { ...access, verb: 'list' }), { what: `${user} having the role` });
    expect(await mayDo({ user }, access)).toBe(allowed);
  });

  test('every sample is a cluster that the API server takes', async () => {
    const names = await readdir(SAMPLES);
    expect(names.sort()).toEqual([
      'autoscaled.yaml',
      'external-nats.yaml',
      'minimal.yaml',
      'production.yaml',
      'two-regions.yaml',
    ]);
    for (const name of names) {
      const text = await readFile(join(SAMPLES, name), 'utf8');
      expect(await dryRun(text)).toContain('serverside-applied');
    }
  });

  test('the smallest one has ten lines at most', async () => {
    const text = await readFile(join(SAMPLES, 'minimal.yaml'), 'utf8');
    expect(text.trim().split('\n').length).toBeLessThanOrEqual(10);
  });
});

test('with namespaces of its own the operator can do nothing elsewhere', async () => {
  await uninstall();
  await release('install', { watchNamespaces: ['team-a'] });
  const access = { verb: 'create', resource: 'statefulsets', group: 'apps' };
  expect(await mayDo(OPERATOR, { ...access, namespace: 'team-a' })).toBe(true);
  expect(await mayDo(OPERATOR, { ...access, namespace: 'team-b' })).toBe(false);
  expect(await mayDo(OPERATOR, { verb: 'get', resource: 'secrets', name: 'jwt', namespace: 'team-b' })).toBe(false);
  expect(await mayDo(OPERATOR, { verb: 'list', resource: 'storageclasses', group: 'storage.k8s.io' })).toBe(true);
});
