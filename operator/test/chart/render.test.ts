import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config.ts';
import { CHART, helm, inRepository, type Manifest, rendered, renderedText } from './commands.ts';
import { VALUE_SETS } from './value-sets.ts';

const run = promisify(execFile);

const role = z.object({
  rules: z.array(
    z.object({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      verbs: z.array(z.string()),
      resourceNames: z.array(z.string()).optional(),
    }),
  ),
});

const podSpec = z.looseObject({
  automountServiceAccountToken: z.boolean(),
  securityContext: z.looseObject({ runAsNonRoot: z.literal(true) }),
  containers: z.array(z.looseObject({ image: z.string(), env: z.array(z.looseObject({ name: z.string() })) })),
});

const testContainer = z.looseObject({ command: z.array(z.string()), args: z.array(z.string()) });
const environment = z.array(z.looseObject({ name: z.string(), value: z.string().optional() }));
const address = z.looseObject({ port: z.number() });

/** The rules of every role, with which one it is of. */
function rulesOf(manifests: readonly Manifest[]) {
  return manifests
    .filter(({ kind }) => /^(Cluster)?Role$/.test(kind))
    .flatMap((one) => role.parse(one).rules.map((rule) => ({ role: one.metadata.name, ...rule })));
}

/** Every pod that the chart has run: of the Deployment, and of `helm test`. */
function podsOf(manifests: readonly Manifest[]) {
  const specs = manifests.flatMap((one) => {
    if (one.kind === 'Pod') return [one.spec];
    return one.kind === 'Deployment'
      ? [z.looseObject({ template: z.looseObject({}) }).parse(one.spec).template.spec]
      : [];
  });
  return specs.map((spec) => podSpec.parse(spec));
}

function named(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

test('helm lint has nothing to complain of', async () => {
  expect(await helm('lint', '--strict', '--kube-version', '1.35.0', CHART)).toContain('0 chart(s) failed');
});

test('values.yaml, the README and manifests/base are what they are generated from; `npm run chart` writes them', async () => {
  await expect(
    run(process.execPath, ['scripts/generate-chart.mjs', '--check'], { cwd: inRepository('.') }),
  ).resolves.toEqual({
    stdout: '',
    stderr: '',
  });
});

test('the chart has the version of the operator', async () => {
  const chart: unknown = parse(await readFile(`${CHART}/Chart.yaml`, 'utf8'));
  const { version }: { version: string } = JSON.parse(await readFile(inRepository('operator/package.json'), 'utf8'));
  expect(chart).toMatchObject({ version, appVersion: version });
});

test('the definition that the chart installs is that of crds/, and is kept', async () => {
  const crd = parse(await readFile(inRepository('crds/etherplyclusters.yaml'), 'utf8'));
  const ours = named(await rendered(), 'CustomResourceDefinition', 'etherplyclusters.etherply.io');
  expect(ours.spec).toEqual(crd.spec);
  expect(ours.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
});

describe('values that are refused', () => {
  test.each([
    ['an unknown value', { replica: 2 }, "additional properties 'replica' not allowed"],
    ['an unknown value in a group', { image: { name: 'x' } }, "additional properties 'name' not allowed"],
    ['no replicas', { replicas: 0 }, 'minimum: got 0, want 1'],
    ['a namespace that cannot be', { watchNamespaces: ['Team_A'] }, 'does not match pattern'],
    ['one namespace, not in a list', { watchNamespaces: 'team-a' }, 'got string, want array'],
    ['a level that is none', { logLevel: 'loud' }, "must be one of 'debug', 'info', 'warn', 'error'"],
    ['a digest that is none', { image: { digest: 'latest' } }, 'does not match pattern'],
    ['a text for whether', { metricsApi: { enabled: 'yes' } }, 'got string, want boolean'],
    ['a number as a label', { labels: { team: 1 } }, 'got number, want string'],
  ])('%s', async (_, values, message) => {
    await expect(renderedText(values)).rejects.toThrow(message);
  });
});

describe.each(VALUE_SETS)('with %s', (_, values) => {
  let manifests: readonly Manifest[];
  beforeAll(async () => {
    manifests = await rendered(values);
  });

  test('no role has a wildcard or can list secrets, and what can be named is', () => {
    const rules = rulesOf(manifests);
    expect(rules.length).toBeGreaterThan(0);
    for (const rule of rules) {
      expect([...rule.apiGroups, ...rule.resources, ...rule.verbs]).not.toContain('*');
      for (const verb of ['escalate', 'bind', 'impersonate']) expect(rule.verbs).not.toContain(verb);
      if (rule.resources.includes('secrets')) expect(rule.verbs).toEqual(['get', 'create', 'patch', 'delete']);
      if (rule.resources.includes('leases') && rule.verbs.includes('get'))
        expect(rule.resourceNames).toEqual(['etherply-operator']);
    }
  });

  test('pods are restricted, their root is read-only, and only the operator has a token', () => {
    const pods = podsOf(manifests);
    expect(pods.map((pod) => pod.automountServiceAccountToken).sort()).toEqual([false, true]);
    for (const pod of pods) {
      expect(pod.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of pod.containers) {
        expect(container).toMatchObject({
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { memory: expect.any(String) }, limits: { memory: expect.any(String) } },
        });
      }
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod).not.toHaveProperty(field);
    }
  });

  test('the operator understands all that the chart tells it', () => {
    const [pod] = podsOf(manifests).filter((one) => one.automountServiceAccountToken);
    const told = environment.parse(pod?.containers[0]?.env).map(({ name, value = 'of the pod' }) => [name, value]);
    expect(Object.keys(loadConfig(Object.fromEntries(told)))).toEqual(
      expect.arrayContaining(told.map(([name]) => name)),
    );
  });

  test('everything of a namespace says which, and everything has the standard labels', () => {
    for (const { kind, metadata } of manifests) {
      if (!/^(Cluster.*|CustomResourceDefinition|APIService)$/.test(kind)) expect(metadata.namespace).toBeDefined();
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'etherply' });
    }
  });
});

test('with namespaces of its own the operator has a role in each, and may read storage classes everywhere', async () => {
  const manifests = await rendered({ watchNamespaces: ['team-a', 'team-b'] });
  const name = 'etherply-system-etherply-operator';
  for (const namespace of ['team-a', 'team-b']) {
    for (const kind of ['Role', 'RoleBinding']) {
      const found = manifests.filter((one) => one.kind === kind && one.metadata.namespace === namespace);
      expect(found.map(({ metadata }) => metadata.name)).toEqual([name]);
    }
  }
  expect(role.parse(named(manifests, 'ClusterRole', name)).rules).toEqual([
    { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
  ]);
  const [pod] = podsOf(manifests).filter((one) => one.automountServiceAccountToken);
  expect(pod?.containers[0]?.env).toContainEqual({ name: 'ETHERPLY_WATCH_NAMESPACES', value: 'team-a,team-b' });
});

test('the roles of namespaces and of the whole cluster have the same rules', async () => {
  const everywhere = rulesOf(await rendered()).filter((rule) => rule.role === 'etherply-operator');
  const inNamespace = rulesOf(await rendered({ watchNamespaces: ['team-a'] })).filter(
    (rule) => rule.role === 'etherply-system-etherply-operator',
  );
  const withoutRole = (rules: typeof everywhere) => new Set(rules.map(({ role: _, ...rule }) => JSON.stringify(rule)));
  expect(withoutRole(inNamespace)).toEqual(withoutRole(everywhere));
});

test('without storage classes, shared roles and the definition, nothing is of no namespace', async () => {
  const manifests = await rendered({
    watchNamespaces: ['team-a'],
    rbac: { readStorageClasses: false, aggregate: false },
    crds: { install: false },
  });
  expect(manifests.filter(({ metadata }) => metadata.namespace === undefined)).toEqual([]);
});

test('one replica has no disruption budget: its node can be drained', async () => {
  const kinds = async (replicas: number) => (await rendered({ replicas })).map(({ kind }) => kind);
  expect(await kinds(1)).not.toContain('PodDisruptionBudget');
  expect(await kinds(2)).toContain('PodDisruptionBudget');
});

test.each([
  ['PodMonitor', 'podMetricsEndpoints'],
  ['ServiceMonitor', 'endpoints'],
])('a %s is made where it is asked for', async (kind, endpoints) => {
  const manifests = await rendered({ monitor: { kind, labels: { release: 'prometheus' } } });
  const monitor = named(manifests, kind, 'etherply-operator');
  expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
  expect(monitor.spec).toMatchObject({ [endpoints]: [{ port: 'http', path: '/metrics', interval: '30s' }] });
  expect((await rendered()).map((one) => one.kind)).not.toContain(kind);
});

test('the metrics API has a certificate for its Service, and the API server knows it', async () => {
  const manifests = await rendered({ metricsApi: { enabled: true } });
  const { data } = z
    .looseObject({ data: z.record(z.string(), z.string()) })
    .parse(named(manifests, 'Secret', 'etherply-operator-metrics-api'));
  const service = named(manifests, 'APIService', 'v1beta2.custom.metrics.k8s.io');
  expect(service.spec).toMatchObject({
    caBundle: data['ca.crt'],
    service: { name: 'etherply-operator-metrics-api', namespace: 'etherply-system', port: 443 },
  });
  expect(service.spec).not.toHaveProperty('insecureSkipTLSVerify');
});

test.each([
  [200, 0],
  [503, 1],
])('helm test, which gets a %d from the operator, ends with %d', async (status, code) => {
  const server = createServer((_, response) => response.writeHead(status).end('what it says')).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = address.parse(server.address());
    const pod = podsOf(await rendered()).find((one) => !one.automountServiceAccountToken);
    const { command, args } = testContainer.parse(pod?.containers[0]);
    const [program = '', ...flags] = [...command, ...args];
    const child = spawn(program, flags, { env: { ...process.env, URL: `http://127.0.0.1:${port}/readyz` } });
    const [ended, output] = await Promise.all([once(child, 'close'), text(child.stdout)]);
    expect(ended[0]).toBe(code);
    expect(output).toBe(`${status} what it says\n`);
  } finally {
    server.close();
  }
});

test.each([
  ['etherply', 'etherply-operator'],
  ['sync', 'sync-etherply-operator'],
  ['my-etherply-operator', 'my-etherply-operator'],
])('a release %s makes a Deployment %s', async (release, name) => {
  const text = await helm(
    'template',
    release,
    CHART,
    '--kube-version',
    '1.35.0',
    '--show-only',
    'templates/deployment.yaml',
  );
  expect(text).toMatch(new RegExp(`^ {2}name: ${name}$`, 'm'));
});
