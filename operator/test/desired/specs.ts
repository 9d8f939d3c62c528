import type { Written } from './fixture.ts';

/** Specs that between them use every field, by what they are about. */
export const SPECS: ReadonlyMap<string, Written> = new Map<string, Written>([
  ['a minimal one', {}],
  [
    'one for production',
    {
      replicas: 3,
      image: { repository: 'registry.example/sync-pod', tag: '2.0.0', pullPolicy: 'Always', pullSecrets: ['pull'] },
      auth: {
        secretRef: { name: 'demo-auth' },
        jwks: { url: 'https://id.example/keys' },
        issuer: 'https://id.example',
        audience: 'sync',
        defaultScopes: ['read'],
        requireWorkspaceClaim: true,
      },
      storage: { shards: 2, size: '50Gi', storageClassName: 'fast', retain: 'Delete' },
      nats: {
        managed: {
          replicas: 3,
          size: '100Gi',
          storageClassName: 'fast',
          syncAlways: true,
          resources: { requests: { cpu: '1' }, limits: { memory: '2Gi' } },
        },
      },
      stream: { name: 'production', replicas: 3, maxAge: '720h', maxBytes: '50Gi', duplicateWindow: '5m' },
      ingress: {
        host: 'sync.example.com',
        className: 'traefik',
        tlsSecretName: 'sync-tls',
        annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt' },
        router: { replicas: 3, resources: { requests: { cpu: '250m' } } },
      },
      limits: { maxConnections: 10_000, maxMessageBytes: '256Ki', maxWorkspaceBytes: '64Mi' },
      webhook: { url: 'http://hooks.chat.svc/etherply', secretRef: { name: 'hook' } },
      monitoring: { labels: { release: 'prometheus' }, logLevel: 'warn' },
      podTemplate: {
        labels: { team: 'chat' },
        annotations: { 'example.com/a': 'b' },
        env: [
          { name: 'ETHERPLY_PING_SECONDS', value: '20' },
          { name: 'EXTRA', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
        nodeSelector: { disk: 'ssd' },
        tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'chat', effect: 'NoSchedule' }],
        affinity: { nodeAffinity: {} },
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
        ],
        priorityClassName: 'high',
        serviceAccountName: 'mine',
        terminationGracePeriodSeconds: 120,
      },
    },
  ],
  [
    'one with external NATS and TLS',
    {
      nats: {
        external: {
          servers: ['tls://nats-1.example.com:4222', 'tls://nats-2.example.com:4222'],
          credentials: { credsRef: { name: 'nats-creds' } },
          tls: { caRef: { name: 'nats-ca' }, certificateRef: { name: 'nats-cert' } },
        },
      },
      ingress: { mode: 'none', service: { type: 'NodePort' } },
    },
  ],
  ['one of two regions', { stream: { name: 'eu' }, regions: { others: [{ name: 'us', domain: 'hub' }], home: 'us' } }],
  [
    'one that scales by itself',
    { autoscaling: { minReplicas: 2, maxReplicas: 40, targetOpsPerSecond: 2500, targetConnections: 5000 } },
  ],
  [
    'one that KEDA scales',
    { autoscaling: { metrics: 'keda', prometheusAddress: 'http://prometheus.monitoring.svc:9090' } },
  ],
  [
    'one behind haproxy-ingress',
    { ingress: { mode: 'haproxy-ingress', host: 'sync.example.com', className: 'haproxy' } },
  ],
  [
    'one behind a Gateway',
    { ingress: { mode: 'gatewayAPI', host: 'sync.example.com', gateway: { name: 'gate', namespace: 'infra' } } },
  ],
  [
    'one behind a load balancer',
    { ingress: { service: { type: 'LoadBalancer', annotations: { 'example.com/lb': 'internal' } } } },
  ],
  [
    'one that few may reach',
    {
      networkPolicy: {
        allowFrom: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { podSelector: { matchLabels: { app: 'web' } } }],
      },
      ingress: { mode: 'none' },
    },
  ],
  ['one without policies and monitors', { networkPolicy: { enabled: false }, monitoring: { podMonitor: false } }],
]);
