import { afterEach, expect, test } from '@jest/globals';
import type { KubeConfig } from '@kubernetes/client-node';
import { Relay } from '../../../sync-pod/test/relay.ts';
import { KINDS, type Kind } from '../../src/kube/kinds.ts';
import { Informer, type InformerOptions } from '../../src/runtime/informer.ts';
import { KubeClient } from '../../src/runtime/kube-client.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { configMap } from './config-map.ts';

const controlPlane = sharedControlPlane();

const BACKOFF = { minMs: 50, maxMs: 500 };
const SELECTOR = 'watched=yes';
const WATCHED = { watched: 'yes' };

let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  ends = [];
});

/**
 * An informer of the config maps of a namespace, and what it has told of them: `added a`, `updated a`, `deleted a`.
 * @param config how it reaches the API server
 */
function watching(
  namespace: string,
  options: InformerOptions = {},
  kind: Kind = KINDS.ConfigMap,
  config: KubeConfig = kubeconfig(),
) {
  const client = new KubeClient(config, { fieldManager: 'test' });
  const told: string[] = [];
  const errors: Error[] = [];
  const informer = Informer.start(client, kind, {
    namespace,
    labelSelector: SELECTOR,
    backoff: BACKOFF,
    onChange: ({ type, object }) => told.push(`${type} ${object.metadata.name}`),
    onError: (error) => errors.push(error),
    ...options,
  });
  ends.push(async () => {
    await informer.stop();
    client.close();
  });
  return { informer, told, errors };
}

function kubeconfig(): KubeConfig {
  return loadKubeconfig(controlPlane().kubeconfig);
}

function through(relay: Relay): KubeConfig {
  const config = kubeconfig();
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  if (cluster === null || user === null) throw new Error('a cluster and a user are needed');
  config.loadFromClusterAndUser({ ...cluster, server: `https://127.0.0.1:${relay.port}` }, user);
  return config;
}

test('what is there and what happens to it is told, in order, and the cache has it', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  await client.create(configMap(namespace, 'a', { x: '1' }, WATCHED));
  await client.create(configMap(namespace, 'not-selected', {}));
  const { informer, told } = watching(namespace);
  await informer.synced;
  expect(told).toEqual(['added a']);
  expect(informer.get({ namespace, name: 'a' })?.data).toEqual({ x: '1' });

  await client.create(configMap(namespace, 'b', {}, WATCHED));
  await client.apply(configMap(namespace, 'a', { x: '2' }, WATCHED));
  await client.delete(KINDS.ConfigMap, { namespace, name: 'b' });
  await until(() => told.length === 4);
  expect(told).toEqual(['added a', 'added b', 'updated a', 'deleted b']);
  expect(informer.list().map(({ data }) => data)).toEqual([{ x: '2' }]);
});

test('an object that is not selected any more is gone', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  await client.create(configMap(namespace, 'a', {}, WATCHED));
  const { informer, told } = watching(namespace);
  await informer.synced;
  await client.mergePatch(KINDS.ConfigMap, { namespace, name: 'a' }, { metadata: { labels: { watched: 'no' } } });
  await until(() => told.includes('deleted a'));
});

test('a change that is made while the API server restarts is told', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  await client.create(configMap(namespace, 'a', { x: '1' }, WATCHED));
  const { informer, told, errors } = watching(namespace);
  await informer.synced;
  await controlPlane().stopApiServer();
  await until(() => errors.length > 0);
  await controlPlane().startApiServer();
  await client.apply(configMap(namespace, 'a', { x: '2' }, WATCHED));
  await until(() => told.includes('updated a'));
  expect(informer.get({ namespace, name: 'a' })?.data).toEqual({ x: '2' });
});

test('what went, came and was replaced while nobody watched is told after a resourceVersion that is too old', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  for (const name of ['gone', 'replaced', 'kept']) await client.create(configMap(namespace, name, {}, WATCHED));
  const relay = await Relay.start(() => Number(new URL(controlPlane().server).port));
  ends.push(() => relay.stop());
  const { informer, told, errors } = watching(namespace, {}, KINDS.ConfigMap, through(relay));
  await informer.synced;
  relay.block();
  await client.delete(KINDS.ConfigMap, { namespace, name: 'gone' });
  await client.delete(KINDS.ConfigMap, { namespace, name: 'replaced' });
  await client.create(configMap(namespace, 'replaced', { x: '2' }, WATCHED));
  await client.create(configMap(namespace, 'new', {}, WATCHED));
  // The watch cache of a new server does not go back to before its start.
  await controlPlane().restartApiServer();
  relay.unblock();
  await until(() => told.includes('added new'));
  expect(errors.map((error) => error.name)).toContain('ApiError');
  expect(told.slice(3).toSorted()).toEqual(['added new', 'added replaced', 'deleted gone', 'deleted replaced']);
  expect(told.indexOf('deleted replaced')).toBeLessThan(told.lastIndexOf('added replaced'));
  expect(informer.list()).toHaveLength(3);
});

test('a watch on which nothing comes any more is given up', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const { informer, told, errors } = watching(namespace, { idleTimeoutMs: 1_000 });
  await informer.synced;
  await controlPlane().pauseApiServer();
  try {
    await until(() => errors.some(({ message }) => message.includes('nothing came for 1000 ms')));
  } finally {
    controlPlane().resumeApiServer();
  }
  await client.create(configMap(namespace, 'a', {}, WATCHED));
  await until(() => told.includes('added a'));
});

test('a watch that the server ends in time goes on without a new list', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const { informer, told, errors } = watching(namespace, { watchSeconds: 1 });
  await informer.synced;
  for (let round = 0; round < 3; round += 1) {
    await client.create(configMap(namespace, `a-${round}`, {}, WATCHED));
    await until(() => told.includes(`added a-${round}`));
    await client.delete(KINDS.ConfigMap, { namespace, name: `a-${round}` });
    await until(() => told.includes(`deleted a-${round}`));
  }
  expect(errors).toEqual([]);
});

test('a kind that is not installed has no objects, and those that it has when it is; they go with it', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const { informer, told } = watching(namespace, { notInstalledRetryMs: 300 }, KINDS.PodMonitor);
  await informer.synced;
  expect(informer.isInstalled).toBe(false);
  expect(informer.list()).toEqual([]);

  const { plural, kind } = KINDS.PodMonitor;
  const name = `${plural}.monitoring.coreos.com`;
  await client.create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: { kind, plural, singular: 'podmonitor' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await until(() => informer.isInstalled);
  const monitor = {
    apiVersion: KINDS.PodMonitor.apiVersion,
    kind,
    metadata: { namespace, name: 'm', labels: WATCHED },
  };
  await until(() => client.create(monitor));
  await until(() => told.includes('added m'));
  await client.delete(KINDS.CustomResourceDefinition, { name });
  await until(() => !informer.isInstalled && informer.list().length === 0);
  expect(told).toEqual(['added m', 'deleted m']);
});

test('an informer that may not see a kind says so, and is synced when it may', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const kubeconfig = await controlPlane().kubeconfigFor({ namespace, name: 'default' });
  const restricted = new KubeClient(loadKubeconfig(kubeconfig), { fieldManager: 'test' });
  const errors: Error[] = [];
  const informer = Informer.start(restricted, KINDS.ConfigMap, {
    namespace,
    backoff: BACKOFF,
    onError: (error) => errors.push(error),
  });
  ends.push(async () => {
    await informer.stop();
    restricted.close();
  });
  await until(() => errors.length > 0);
  expect(errors[0]).toMatchObject({ status: 403, reason: 'Forbidden' });
  await client.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { namespace, name: 'viewer' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'default' }],
  });
  await informer.synced;
  const names = () => informer.list().map(({ metadata }) => metadata.name);
  await until(() => names().join() === 'kube-root-ca.crt', { what: 'what Kubernetes makes in each namespace' });
});
