import { describe, expect, test } from '@jest/globals';
import { customMetrics, quantity } from '../../src/metrics-api/custom-metrics.ts';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const POD = { labels: { 'etherply.io/cluster': 'c' }, opsPerSecond: 12.3456, connections: 7, at: NOW };
const SAMPLES = [
  { ...POD, name: 'c-0' },
  { ...POD, name: 'c-1', opsPerSecond: 20 },
  { ...POD, name: 'd-0', labels: { 'etherply.io/cluster': 'd' } },
  { ...POD, name: 'c-2', at: new Date(NOW.getTime() - 61_000) },
];
const METRICS = { inNamespace: (namespace: string) => (namespace === 'ns' ? SAMPLES : []) };
const V2 = '/apis/custom.metrics.k8s.io/v1beta2';
const V1 = '/apis/custom.metrics.k8s.io/v1beta1';

function get(url: string, method = 'GET') {
  return customMetrics(method, url, METRICS, NOW);
}

test('pods that a selector selects have their values, in the form of autoscalers', () => {
  expect(get(`${V2}/namespaces/ns/pods/*/etherply_ops_per_second?labelSelector=etherply.io%2Fcluster%3Dc`)).toEqual({
    status: 200,
    body: {
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      metadata: {},
      items: [
        {
          describedObject: { kind: 'Pod', namespace: 'ns', name: 'c-0', apiVersion: '/v1' },
          metric: { name: 'etherply_ops_per_second', selector: null },
          timestamp: '2026-01-02T03:04:05Z',
          windowSeconds: 15,
          value: '12346m',
        },
        expect.objectContaining({ value: '20' }),
      ],
    },
  });
});

test('the older version says the same in its own words', () => {
  const { body } = get(`${V1}/namespaces/ns/pods/%2A/etherply_ops_per_second?labelSelector=etherply.io/cluster%3Dd`);
  expect(body.items).toMatchObject([{ metricName: 'etherply_ops_per_second', window: 15, value: '12346m' }]);
});

test('one pod can be asked for', () => {
  const { body } = get(`${V2}/namespaces/ns/pods/c-1/etherply_connections`);
  expect(body.items).toEqual([expect.objectContaining({ value: '7' })]);
  expect(JSON.stringify(body)).not.toContain('windowSeconds');
});

describe('nothing is said', () => {
  test.each([
    ['in another namespace', `${V2}/namespaces/other/pods/*/etherply_connections`],
    [
      'with labels that the metrics do not have',
      `${V2}/namespaces/ns/pods/*/etherply_connections?metricLabelSelector=a%3Db`,
    ],
    ['of what nothing selects', `${V2}/namespaces/ns/pods/*/etherply_connections?labelSelector=x`],
  ])('%s', (_, url) => {
    expect(get(url)).toMatchObject({ status: 200, body: { items: [] } });
  });

  test.each([
    ['of a pod that is silent', `${V2}/namespaces/ns/pods/c-2/etherply_connections`, 404],
    ['of another metric', `${V2}/namespaces/ns/pods/*/cpu`, 404],
    ['of anything but pods', `${V2}/namespaces/ns/services/*/etherply_connections`, 404],
    ['of what has no namespace', `${V2}/nodes/*/etherply_connections`, 404],
    ['in another version', '/apis/custom.metrics.k8s.io/v1', 404],
    ['in another group', '/apis/metrics.k8s.io/v1beta1', 404],
    ['of other paths', '/openapi/v2', 404],
    ['of what is not encoded', `${V2}/namespaces/%E0%A4%A/pods/x/etherply_connections`, 404],
    ['to a wrong selector', `${V2}/namespaces/ns/pods/*/etherply_connections?labelSelector=a%3Db%3Dc`, 400],
  ])('%s', (_, url, status) => {
    expect(get(url)).toMatchObject({ status, body: { kind: 'Status', status: 'Failure', code: status } });
  });

  test('to who wants to write', () => {
    expect(get(V2, 'POST')).toMatchObject({ status: 405 });
  });
});

test('discovery lists the versions, the preferred one first, and the metrics', () => {
  expect(get('/apis/custom.metrics.k8s.io').body).toMatchObject({
    kind: 'APIGroup',
    preferredVersion: { version: 'v1beta2' },
    versions: [{ version: 'v1beta2' }, { version: 'v1beta1' }],
  });
  expect(get(V2).body).toMatchObject({
    kind: 'APIResourceList',
    groupVersion: 'custom.metrics.k8s.io/v1beta2',
    resources: [
      { name: 'pods/etherply_ops_per_second', namespaced: true, kind: 'MetricValueList', verbs: ['get'] },
      { name: 'pods/etherply_connections' },
    ],
  });
});

test.each([
  [0, '0'],
  [5000, '5000'],
  [0.25, '250m'],
  [0.0001, '0m'],
])('%d is the quantity %s', (value, text) => {
  expect(quantity(value)).toBe(text);
});
