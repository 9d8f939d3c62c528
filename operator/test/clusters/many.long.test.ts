import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { clusterStatus } from '../../src/api/cluster.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { Kubelet } from '../kubelet.ts';
import { ApiFront } from './api-front.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { operatorCounts } from './operator-metrics.ts';
import { OperatorProcess } from './operator-process.ts';

const CLUSTERS = Number(process.env.CLUSTERS ?? 50);
const CONCURRENCY = 4;
/** Each cluster is looked at so often when nothing happens. */
const RESYNC_SECONDS = 5;

const controlPlane = sharedControlPlane();
let nats: NatsServer;
let front: ApiFront;
let operator: OperatorProcess;
let kubelet: Kubelet;
let namespace: string;

beforeAll(async () => {
  nats = await NatsServer.start();
  const started = await ApiFront.start({ kubeconfig: await installChart(controlPlane()) });
  front = started.front;
  operator = OperatorProcess.start({
    kubeconfig: started.kubeconfig,
    namespace: RELEASE_NAMESPACE,
    env: { ETHERPLY_CONCURRENCY: String(CONCURRENCY), ETHERPLY_RESYNC_SECONDS: String(RESYNC_SECONDS) },
  });
  await operator.leading();
  namespace = await controlPlane().createNamespace();
  kubelet = Kubelet.follow(controlPlane().client, namespace);
}, 180_000);

afterAll(async () => {
  await operator?.end();
  await kubelet?.stop();
  await front?.stop();
  await nats?.stop();
});

/** How many have all that they are to have. */
async function well(): Promise<number> {
  const { items } = await controlPlane().client.list(KINDS.EtherPlyCluster, { namespace });
  return items.filter(({ status }) => {
    const conditions = new Map(clusterStatus.parse(status ?? {}).conditions?.map((one) => [one.type, one]));
    const isTrue = (type: string) => conditions.get(type)?.status === 'True';
    return conditions.get('Progressing')?.reason === 'Stable' && isTrue('Available') && isTrue('StreamReady');
  }).length;
}

/** Most bytes that it ever had. */
async function peakMemory(): Promise<number> {
  const text = await readFile(`/proc/${operator.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) * 1024;
}

test('many clusters at once become well, with few requests, little memory and no more at a time than it is told', async () => {
  await new ClusterFixture(controlPlane().client, namespace).createSecret();
  for (let n = 0; n < CLUSTERS; n += 1) {
    const cluster = new ClusterFixture(controlPlane().client, namespace, `c${n}`);
    await cluster.apply({ replicas: 1, ingress: { mode: 'none' }, nats: { external: { servers: [nats.url] } } });
  }
  await until(async () => (await well()) === CLUSTERS, { what: `${CLUSTERS} clusters being well`, timeoutMs: 240_000 });
  const before = await looks();
  expect(front.requests.reads + front.changed.length).toBeLessThan(40 * CLUSTERS);
  expect(before).toBeLessThan(20 * CLUSTERS);
  expect(front.mostChanging).toBeGreaterThan(1);
  expect(front.mostChanging).toBeLessThanOrEqual(CONCURRENCY);

  // What was under way when the last one became well, and what was decided before the cache had that.
  await until(async () => (await looks()) >= before + CLUSTERS, { timeoutMs: 120_000 });

  // At rest, each look takes two Secrets, and changes nothing.
  const [reads, changes] = [front.requests.reads, front.changed.length];
  const [begun, startedAt] = [await looks(), performance.now()];
  await until(async () => (await looks()) >= begun + 2 * CLUSTERS, { timeoutMs: 120_000 });
  const [seconds, looked] = [(performance.now() - startedAt) / 1000, (await looks()) - begun];
  expect(looked).toBeLessThanOrEqual(CLUSTERS * (seconds / RESYNC_SECONDS + 1));
  expect(front.requests.reads - reads).toBeLessThan(3 * looked);
  expect(front.changed.slice(changes)).toEqual([]);
  expect(await peakMemory()).toBeLessThan(256 * 1024 * 1024);
}, 600_000);

async function looks(): Promise<number> {
  return (await operatorCounts(operator)).reconciles;
}
