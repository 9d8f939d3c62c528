import type { Values } from './commands.ts';

/** Ways in which the chart is used; every test of what it makes goes over all of them. */
export const VALUE_SETS: readonly (readonly [name: string, values: Values])[] = [
  ['defaults', {}],
  ['namespaces of its own', { watchNamespaces: ['team-a', 'team-b'] }],
  [
    'nothing that is of no namespace',
    // A name of digits must not become a number.
    { watchNamespaces: ['2026'], rbac: { readStorageClasses: false, aggregate: false }, crds: { install: false } },
  ],
  ['one replica', { replicas: 1 }],
  ['the metrics API', { metricsApi: { enabled: true } }],
  [
    'the metrics API with a certificate of somebody else',
    {
      metricsApi: {
        enabled: true,
        certificate: { secretName: 'from-cert-manager', annotations: { 'cert-manager.io/inject-ca-from': 'a/b' } },
      },
    },
  ],
  [
    'all that can be told of pods',
    {
      image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
      imagePullSecrets: [{ name: 'registry' }],
      labels: { team: 'sync' },
      podLabels: { mesh: 'off' },
      podAnnotations: { note: 'on' },
      priorityClassName: 'system-cluster-critical',
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [{ topologyKey: 'rack', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }],
      serviceAccount: { name: 'operator', annotations: { role: 'none' } },
      networkPolicy: {
        metricsFrom: [{ namespaceSelector: {} }],
        extraEgress: [{ ports: [{ port: 4443, protocol: 'TCP' }] }],
      },
    },
  ],
];
