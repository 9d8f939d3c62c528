import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { KINDS } from '../../src/kube/kinds.ts';
import { FRONT_PROXY_CONFIG, frontProxyOf } from '../../src/metrics-api/front-proxy.ts';
import { MetricsApiServer } from '../../src/metrics-api/metrics-api-server.ts';
import type { PodSample } from '../../src/metrics-api/pod-metrics.ts';
import { installCrd } from '../api/install-crd.ts';
import { CertificateAuthority } from '../control-plane/certificates.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { Kubelet } from '../kubelet.ts';

const SERVICE = { name: 'metrics', namespace: 'kube-system' };
const LABELS = { 'etherply.io/cluster': 'chat' };
const PATH = '/apis/custom.metrics.k8s.io/v1beta2';

const scalable = z.looseObject({ spec: z.looseObject({ replicas: z.int() }) });

const controlPlane = sharedControlPlane();

let dir: string;
let server: MetricsApiServer;
let namespace: string;
let kubelet: Kubelet;
/** Ops a second of each pod. */
let opsPerSecond = 100;

beforeAll(async () => {
  const { client } = controlPlane();
  dir = await mkdtemp(join(tmpdir(), 'etherply-autoscaler-'));
  const ca = await CertificateAuthority.create('serving-ca');
  const { cert, key } = await ca.server('metrics', `${SERVICE.name}.${SERVICE.namespace}.svc`);
  await writeFile(join(dir, 'tls.crt'), cert);
  await writeFile(join(dir, 'tls.key'), key);
  const config = await until(() => client.get(KINDS.ConfigMap, FRONT_PROXY_CONFIG), { what: 'the ConfigMap' });
  server = await MetricsApiServer.start({
    host: '127.0.0.1',
    port: 0,
    certFile: join(dir, 'tls.crt'),
    keyFile: join(dir, 'tls.key'),
    metrics: { inNamespace: (asked) => (asked === namespace ? ['chat-0', 'chat-1'].map(sampleOf) : []) },
    frontProxy: frontProxyOf(config),
    failed: (error) => {
      throw error;
    },
  });
  await client.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: SERVICE,
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  for (const version of ['v1beta1', 'v1beta2']) {
    await client.create({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.custom.metrics.k8s.io` },
      spec: {
        group: 'custom.metrics.k8s.io',
        version,
        service: { ...SERVICE, port: server.port },
        caBundle: Buffer.from(ca.cert).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: version === 'v1beta2' ? 200 : 100,
      },
    });
  }
  await installCrd(controlPlane().client);
  namespace = await controlPlane().createNamespace();
  kubelet = Kubelet.follow(client, namespace);
});

afterAll(async () => {
  await kubelet?.stop();
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

function sampleOf(name: string): PodSample {
  return { name, labels: LABELS, opsPerSecond, connections: 3, at: new Date() };
}

test('the API server passes on what is asked of the metrics', async () => {
  const { client } = controlPlane();
  const path = `${PATH}/namespaces/${namespace}/pods/*/etherply_connections`;
  const answer = await until(() => client.request('GET', path), { what: 'an answer' });
  expect(answer).toMatchObject({
    kind: 'MetricValueList',
    items: [{ describedObject: { name: 'chat-0' }, value: '3' }, { describedObject: { name: 'chat-1' } }],
  });
  await until(async () => {
    const found = await client.get(KINDS.APIService, { name: 'v1beta2.custom.metrics.k8s.io' });
    return JSON.stringify(found?.status).includes('"Passed"');
  });
  expect(await client.request('GET', '/apis/custom.metrics.k8s.io')).toMatchObject({
    preferredVersion: { version: 'v1beta2' },
  });
});

test('an autoscaler reads the metric of the pods, and scales the cluster up and down', async () => {
  const { client } = controlPlane();
  const cluster = { namespace, name: 'chat' };
  await client.create({
    apiVersion: 'etherply.io/v1alpha1',
    kind: 'EtherPlyCluster',
    metadata: cluster,
    spec: { replicas: 2, auth: { secretRef: { name: 'jwt' } } },
  });
  const status = { replicas: 2, selector: 'etherply.io/cluster=chat' };
  await client.mergePatch(KINDS.EtherPlyCluster, cluster, { status }, { subresource: 'status' });
  for (const name of ['chat-0', 'chat-1']) {
    const spec = { containers: [{ name: 'sync-pod', image: 'none' }] };
    await client.create({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, labels: LABELS }, spec });
  }
  opsPerSecond = 250.5;
  await client.create({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: cluster,
    spec: {
      scaleTargetRef: { apiVersion: 'etherply.io/v1alpha1', kind: 'EtherPlyCluster', name: 'chat' },
      minReplicas: 1,
      maxReplicas: 5,
      metrics: [
        {
          type: 'Pods',
          pods: {
            metric: { name: 'etherply_ops_per_second' },
            target: { type: 'AverageValue', averageValue: '200' },
          },
        },
      ],
    },
  });
  const replicas = async (count: number) => {
    if (scalable.parse(await client.get(KINDS.EtherPlyCluster, cluster)).spec.replicas === count) return true;
    const autoscaler = await client.get(KINDS.HorizontalPodAutoscaler, cluster);
    throw new Error(JSON.stringify(autoscaler?.status));
  };
  await until(() => replicas(3), { what: 'three replicas', timeoutMs: 50_000 });
  // It writes what it read after it has scaled.
  const read = async () => {
    const autoscaler = await client.get(KINDS.HorizontalPodAutoscaler, cluster);
    return JSON.stringify(autoscaler?.status).includes('"averageValue":"250500m"');
  };
  await until(read, { what: 'what was read of the pods' });
  opsPerSecond = 50;
  await until(() => replicas(1), { what: 'one replica', timeoutMs: 50_000 });
});
