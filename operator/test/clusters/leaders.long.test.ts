import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { ControlPlane, loadKubeconfig } from '../control-plane/control-plane.ts';
import { until } from '../control-plane/until.ts';
import { Kubelet } from '../kubelet.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { OperatorProcess } from './operator-process.ts';

/** Everything that anybody changes. */
const POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Request', verbs: ['update', 'patch', 'create'], resources: [{ group: 'coordination.k8s.io' }] },
    { level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
    { level: 'None' },
  ],
};

const auditEvent = z.looseObject({
  verb: z.string(),
  requestURI: z.string(),
  requestReceivedTimestamp: z.string(),
  user: z.looseObject({ extra: z.record(z.string(), z.array(z.string())).default({}) }),
  responseStatus: z.looseObject({ code: z.int() }),
  requestObject: z
    .looseObject({ spec: z.looseObject({ holderIdentity: z.string().optional() }).optional() })
    .optional(),
});

/** One that was done, by one of the operators. */
interface Change {
  /** Which token it came with. */
  readonly by: string;
  /** In the order of time. */
  readonly at: string;
  readonly what: string;
  /** Who holds the lease from then on; undefined: it is another change. */
  readonly holder: string | undefined;
}

let dir: string;
let controlPlane: ControlPlane;
let nats: NatsServer;
let cluster: ClusterFixture;
let kubelet: Kubelet;
const operators: { readonly process: OperatorProcess; readonly token: string }[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etherply-audit-'));
  await writeFile(join(dir, 'policy.json'), JSON.stringify(POLICY));
  nats = await NatsServer.start();
  controlPlane = await ControlPlane.start({
    apiServerFlags: [`--audit-policy-file=${join(dir, 'policy.json')}`, `--audit-log-path=${join(dir, 'audit.log')}`],
  });
  await installChart(controlPlane, { replicas: 2 });
  const namespace = await controlPlane.createNamespace();
  cluster = new ClusterFixture(controlPlane.client, namespace);
  kubelet = Kubelet.follow(controlPlane.client, namespace);
  await cluster.createSecret();
}, 180_000);

afterAll(async () => {
  await kubelet?.stop();
  await controlPlane?.stop();
  await nats?.stop();
  await rm(dir, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all(operators.splice(0).map(({ process }) => process.end()));
});

/** With a token of its own, by which the audit log tells one from the other. */
async function startOperator(): Promise<(typeof operators)[number]> {
  const kubeconfig = await controlPlane.kubeconfigFor({ namespace: RELEASE_NAMESPACE, name: 'etherply-operator' });
  const own = join(dir, `operator-${Math.random()}.kubeconfig`);
  await writeFile(own, await readFile(kubeconfig, 'utf8'));
  const [, claims = ''] = (loadKubeconfig(own).getCurrentUser()?.token ?? '').split('.');
  const { jti } = z.looseObject({ jti: z.string() }).parse(JSON.parse(Buffer.from(claims, 'base64url').toString()));
  const operator = { process: OperatorProcess.start({ kubeconfig: own, namespace: RELEASE_NAMESPACE }), token: jti };
  operators.push(operator);
  return operator;
}

/** Two, of which the first acts. */
async function startTwo() {
  const first = await startOperator();
  await first.process.leading();
  const second = await startOperator();
  await until(() => second.process.output.includes('"msg":"ready"'));
  return { first, second };
}

/** What the operators have done so far; not what they have told. */
async function changes(): Promise<Change[]> {
  const lines = (await readFile(join(dir, 'audit.log'), 'utf8')).split('\n').slice(0, -1);
  return lines
    .map((line) => auditEvent.parse(JSON.parse(line)))
    .flatMap(({ verb, requestURI, requestReceivedTimestamp, user, responseStatus, requestObject }): Change[] => {
      const by = user.extra['authentication.kubernetes.io/credential-id']?.[0]?.replace('JTI=', '');
      const isOfOperator = operators.some(({ token }) => token === by);
      if (by === undefined || !isOfOperator || responseStatus.code >= 300 || /\/events\b/.test(requestURI)) return [];
      const holder = requestURI.includes('/leases') ? (requestObject?.spec?.holderIdentity ?? '') : undefined;
      return [{ by, at: requestReceivedTimestamp, what: `${verb} ${requestURI}`, holder }];
    })
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Each change was made by who held the lease at that moment. @returns how many of each */
async function expectOneAtATime(): Promise<Map<string, number>> {
  const counts = new Map(operators.map(({ token }) => [token, 0]));
  let holder = '';
  for (const change of await changes()) {
    if (change.holder !== undefined) {
      holder = change.holder === '' ? '' : change.by;
      continue;
    }
    expect(change).toMatchObject({ by: holder });
    counts.set(change.by, (counts.get(change.by) ?? 0) + 1);
  }
  return counts;
}

let edits = 0;
/** A change of the spec that takes an operator several steps. */
async function edit(): Promise<void> {
  edits += 1;
  await cluster.apply({
    replicas: 2,
    nats: { external: { servers: [nats.url] } },
    limits: { maxConnections: 100 + edits },
    networkPolicy: { enabled: edits % 2 === 0 },
  });
}

const hasObserved = async () => {
  const object = await cluster.get();
  const { observedGeneration } = z.looseObject({ observedGeneration: z.int().optional() }).parse(object?.status ?? {});
  return observedGeneration === object?.metadata.generation;
};

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

test('the one that is killed is followed by the other within 20 s, and only one of them acts at any time', async () => {
  const { first, second } = await startTwo();
  await edit();
  await until(hasObserved);
  await edit();
  await first.process.end('SIGKILL');
  expect(await seconds(() => second.process.leading())).toBeLessThan(20);
  await until(hasObserved);
  const counts = await expectOneAtATime();
  expect(counts.get(first.token)).toBeGreaterThan(10);
  expect(counts.get(second.token)).toBeGreaterThan(10);
});

test('the one that ends by itself is followed by the other at once', async () => {
  const { first, second } = await startTwo();
  await edit();
  await first.process.end('SIGTERM');
  expect(await seconds(() => second.process.leading())).toBeLessThan(5);
  await edit();
  await until(hasObserved);
  await expectOneAtATime();
});

test('the one that slept does nothing any more when it wakes up', async () => {
  const { first, second } = await startTwo();
  await edit();
  await until(hasObserved);
  // Asleep in the middle of its work, with more of it waiting.
  await edit();
  await first.process.pause();
  await second.process.leading();
  await edit();
  await until(hasObserved);
  const { length } = (await changes()).filter(({ by }) => by === first.token);
  await edit();
  first.process.resume();
  await until(() => first.process.hasEnded, { what: 'the end of the one that slept' });
  expect(first.process.output).toContain('no longer leading');
  await until(hasObserved);
  await expectOneAtATime();
  expect((await changes()).filter(({ by }) => by === first.token)).toHaveLength(length);
});
