import { describe, expect, test } from '@jest/globals';
import { at, idsOf, objectOf, objectsOf, type Written } from './fixture.ts';

const HOST = 'sync.example.com';
const GATEWAY = { mode: 'gatewayAPI', gateway: { name: 'gate' } };
const NO_APIS = { podMonitor: false, httpRoute: false, backendTrafficPolicy: false, scaledObject: false };
const ACCESS_KINDS = /^(Ingress|HTTPRoute|BackendTrafficPolicy)\//;

describe('from outside clients come', () => {
  test.each<[what: string, ingress: Written, expected: readonly string[]]>([
    ['by what somebody else makes, without a host', {}, []],
    ['by an Ingress to the router, with a host', { host: HOST }, ['Ingress/demo']],
    ['by a route to the router', { gateway: { name: 'gate' }, host: HOST }, ['HTTPRoute/demo']],
    ['by an Ingress to the pods', { mode: 'haproxy-ingress', host: HOST }, ['Ingress/demo']],
    ['by a route and a policy', GATEWAY, ['HTTPRoute/demo', 'BackendTrafficPolicy/demo']],
    ['by nothing', { mode: 'none', host: HOST }, []],
  ])('%s', (_, ingress, expected) => {
    expect(idsOf(objectsOf({ ingress })).filter((id) => ACCESS_KINDS.test(id))).toEqual(expected);
  });

  test.each([
    [{ ...NO_APIS, httpRoute: true }, ['HTTPRoute/demo']],
    [{ ...NO_APIS, backendTrafficPolicy: true }, []],
    [NO_APIS, []],
  ])('by what there are kinds for: %j', (apis, expected) => {
    expect(idsOf(objectsOf({ ingress: GATEWAY }, { apis })).filter((id) => ACCESS_KINDS.test(id))).toEqual(expected);
  });
});

describe('the Ingress', () => {
  test('leads what is for clients to the Service, with the certificate and the class of the spec', () => {
    const ingress = { host: HOST, className: 'traefik', tlsSecretName: 'tls', annotations: { a: 'b' } };
    const backend = { service: { name: 'demo', port: { name: 'http' } } };
    expect(objectOf('Ingress/demo', { ingress })).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: {
        ingressClassName: 'traefik',
        tls: [{ hosts: [HOST], secretName: 'tls' }],
        rules: [
          {
            host: HOST,
            http: {
              paths: [
                { path: '/v1', pathType: 'Prefix', backend },
                { path: '/healthz', pathType: 'Exact', backend },
                { path: '/openapi.json', pathType: 'Exact', backend },
              ],
            },
          },
        ],
      },
    });
  });

  test('leaves class and certificate to the Kubernetes cluster where the spec names none', () => {
    const object = objectOf('Ingress/demo', { ingress: { host: HOST } });
    expect(Object.keys(Object(object.spec))).toEqual(['rules']);
    expect(object.metadata.annotations).toBeUndefined();
  });

  test('has haproxy-ingress choose a pod as the router does, unless the spec says otherwise', () => {
    const annotations = { 'haproxy-ingress.github.io/timeout-tunnel': '2h' };
    const ingress = { mode: 'haproxy-ingress', host: HOST, annotations };
    expect(objectOf('Ingress/demo', { ingress }).metadata.annotations).toEqual({
      'haproxy-ingress.github.io/balance-algorithm': 'hash path,field(4,/),url_dec',
      'haproxy-ingress.github.io/config-backend': 'hash-type consistent sdbm avalanche',
      'haproxy-ingress.github.io/health-check-uri': '/readyz',
      'haproxy-ingress.github.io/health-check-interval': '2s',
      'haproxy-ingress.github.io/timeout-tunnel': '2h',
    });
  });
});

test('the HTTPRoute belongs to the Gateway, and Envoy Gateway chooses by the header', () => {
  const gateway = { name: 'gate', namespace: 'infra', sectionName: 'https' };
  const written = { ingress: { ...GATEWAY, gateway, host: HOST } };
  expect(objectOf('HTTPRoute/demo', written)).toMatchObject({
    apiVersion: 'gateway.networking.k8s.io/v1',
    spec: {
      parentRefs: [{ kind: 'Gateway', ...gateway }],
      hostnames: [HOST],
      rules: [{ backendRefs: [{ kind: 'Service', name: 'demo', port: 8080 }] }],
    },
  });
  expect(objectOf('BackendTrafficPolicy/demo', written)).toMatchObject({
    spec: {
      targetRefs: [{ kind: 'HTTPRoute', name: 'demo' }],
      loadBalancer: {
        type: 'ConsistentHash',
        consistentHash: { type: 'Header', header: { name: 'X-EtherPly-Workspace' } },
      },
    },
  });
});

describe('NetworkPolicies', () => {
  const pods = (component: string) => ({
    podSelector: { matchLabels: { 'etherply.io/cluster': 'demo', 'app.kubernetes.io/component': component } },
  });
  const OPERATOR = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'etherply-system' } } };
  const PROMETHEUS = {
    namespaceSelector: {},
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
  };
  const WEB = { podSelector: { matchLabels: { app: 'web' } } };
  const tcp = (port: number) => ({ protocol: 'TCP', port });
  const INSIDE = { to: [{ namespaceSelector: {} }] };

  test.each<[what: string, written: Written, from: unknown]>([
    ['the router, the operator and Prometheus', {}, [pods('router'), OPERATOR, PROMETHEUS]],
    ['who is allowed besides', { networkPolicy: { allowFrom: [WEB] } }, [pods('router'), OPERATOR, PROMETHEUS, WEB]],
    ['everybody without the router', { ingress: { mode: 'none' } }, undefined],
    [
      'those who are allowed, without the router',
      { ingress: { mode: 'none' }, networkPolicy: { allowFrom: [WEB] } },
      [OPERATOR, PROMETHEUS, WEB],
    ],
    [
      'only operator and Prometheus, without the router and with nobody allowed',
      { ingress: { mode: 'none' }, networkPolicy: { allowFrom: [] } },
      [OPERATOR, PROMETHEUS],
    ],
  ])('let to the pods %s', (_, written, from) => {
    const rules = at(objectOf('NetworkPolicy/demo', written), 'spec.ingress');
    expect(rules).toEqual([{ ...(from === undefined ? {} : { from }), ports: [tcp(8080)] }]);
  });

  test.each<[what: string, written: Written, expected: readonly unknown[]]>([
    ['to managed NATS', {}, [{ to: [pods('nats')], ports: [tcp(4222)] }]],
    [
      'to external NATS',
      { nats: { external: { servers: ['tls://a.example.com:4443', 'tls://b.example.com'] } } },
      [{ ports: [tcp(4443)] }, { ports: [tcp(4222)] }],
    ],
    [
      'for keys outside',
      { auth: { jwks: { url: 'https://id.example.com/keys' } } },
      [{ to: [pods('nats')], ports: [tcp(4222)] }, { ports: [tcp(443)] }],
    ],
    [
      'to a webhook inside',
      { webhook: { url: 'http://hooks.team.svc/a', secretRef: { name: 's' } } },
      [{ to: [pods('nats')], ports: [tcp(4222)] }, INSIDE, { ports: [tcp(80)] }],
    ],
  ])('let pods go %s, and ask for names', (_, written, expected) => {
    const [dns, ...others] = Object.values(Object(at(objectOf('NetworkPolicy/demo', written), 'spec.egress')));
    expect(dns).toEqual({ ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] });
    expect(others).toEqual(expected);
  });

  test('let only those who replicate, and the operator, to NATS', () => {
    expect(at(objectOf('NetworkPolicy/demo-nats'), 'spec.ingress')).toEqual([
      { from: [pods('sync-pod'), OPERATOR], ports: [tcp(4222)] },
      { from: [pods('nats')], ports: [tcp(4222), tcp(6222)] },
    ]);
  });

  test('let everybody to the router, but only Prometheus to its metrics', () => {
    expect(at(objectOf('NetworkPolicy/demo-router'), 'spec.ingress')).toEqual([
      { ports: [tcp(8080)] },
      { from: [PROMETHEUS], ports: [tcp(8404)] },
    ]);
  });

  test('are there only where they are wanted', () => {
    const ids = idsOf(objectsOf({ networkPolicy: { enabled: false } }));
    expect(ids.filter((id) => id.startsWith('NetworkPolicy'))).toEqual([]);
  });
});
