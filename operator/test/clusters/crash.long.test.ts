import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { Containers } from '../containers.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { ApiFront, type Effect } from './api-front.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { operatorCounts } from './operator-metrics.ts';
import { OperatorProcess } from './operator-process.ts';

const controlPlane = sharedControlPlane();
let nats: NatsServer;
let front: ApiFront;
let kubeconfig: string;
let operator: OperatorProcess | undefined;
let cluster: ClusterFixture;
let containers: Containers;

/** Clients are sent away within half of the grace period: there are none. */
const spec = () => ({
  replicas: 2,
  nats: { external: { servers: [nats.url] } },
  podTemplate: { terminationGracePeriodSeconds: 10 },
});

/** What the operator that runs is killed after, if it is to be. */
let onEffect: (effect: Effect) => boolean = () => true;

beforeAll(async () => {
  nats = await NatsServer.start();
  const installed = await installChart(controlPlane());
  ({ front, kubeconfig } = await ApiFront.start({ kubeconfig: installed, onEffect: (effect) => onEffect(effect) }));
  const namespace = await controlPlane().createNamespace();
  cluster = new ClusterFixture(controlPlane().client, namespace);
  containers = await Containers.follow(controlPlane().client, namespace);
  await cluster.createSecret();
}, 180_000);

afterAll(async () => {
  await operator?.end();
  await containers?.stop();
  await front?.stop();
  await nats?.stop();
});

/** Another one takes over at once: the lease of one that was killed would be waited for. */
async function startOperator(): Promise<OperatorProcess> {
  await controlPlane().client.delete(KINDS.Lease, { namespace: RELEASE_NAMESPACE, name: 'etherply-operator' });
  return OperatorProcess.start({ kubeconfig, namespace: RELEASE_NAMESPACE });
}

/**
 * Has one operator after the other, each of which is killed as soon as it has changed something and before it knows that,
 * until there is nothing left to change.
 * @returns after what they were killed
 */
async function killAfterEachEffect(isDone: () => Promise<boolean>): Promise<Effect[]> {
  const effects: Effect[] = [];
  for (;;) {
    let isKilled = false;
    const running = await startOperator();
    operator = running;
    onEffect = (effect) => {
      effects.push(effect); // also what was under way beside the first
      isKilled = true;
      void running.end('SIGKILL');
      return false;
    };
    const hasLooked = async () => (await operatorCounts(running)).reconciles > 0;
    try {
      await until(async () => isKilled || ((await hasLooked()) && (await isDone())), { timeoutMs: 60_000 });
    } catch (error) {
      console.log(running.output.slice(-4000), JSON.stringify((await cluster.get())?.status, null, 1), effects);
      throw error;
    }
    onEffect = () => true;
    if (!isKilled) return effects;
    await running.end();
    expect(effects.length).toBeLessThan(150); // none goes round in circles
  }
}

async function isStable(): Promise<boolean> {
  const generation = (await cluster.get())?.metadata.generation;
  const [progressing, available] = [await cluster.condition('Progressing'), await cluster.condition('Available')];
  return (
    progressing?.observedGeneration === generation &&
    progressing?.reason === 'Stable' &&
    available?.status === 'True' &&
    (await cluster.condition('StreamReady'))?.status === 'True'
  );
}

describe('an operator that is killed after each single thing that it does', () => {
  test('makes a cluster', async () => {
    await cluster.apply(spec());
    const effects = await killAfterEachEffect(isStable);
    expect(effects).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^PATCH .*\/etherplyclusters\/c$/),
        expect.stringMatching(/^PATCH .*\/secrets\/c-control$/),
        expect.stringMatching(/^PATCH .*\/statefulsets\/c$/),
        expect.stringMatching(/^PATCH .*\/services\/c-pods$/),
        expect.stringMatching(/^PATCH .*\/deployments\/c-router$/),
        expect.stringMatching(/^PATCH .*\/etherplyclusters\/c\/status$/),
      ]),
    );
    await cluster.isWell();
    expect(containers.pods.sort()).toEqual(['c-0', 'c-1']);
  }, 300_000);

  test('makes its pods anew', async () => {
    const before = [containers.uid('c-0'), containers.uid('c-1')];
    await cluster.apply({ ...spec(), image: { tag: 'next' } });
    const effects = await killAfterEachEffect(isStable);
    expect(effects.filter((effect) => effect.startsWith('DELETE')).map((one) => one.replace(/.*\//, ''))).toEqual([
      'c-1',
      'c-0',
    ]);
    expect([containers.uid('c-0'), containers.uid('c-1')].some((uid) => before.includes(uid))).toBe(false);
    await cluster.isWell();
  }, 300_000);

  test('takes a pod away', async () => {
    await cluster.apply({ ...spec(), replicas: 1, image: { tag: 'next' } });
    const effects = await killAfterEachEffect(isStable);
    expect(effects).toContainEqual(expect.stringMatching(/^PATCH .*\/statefulsets\/c$/));
    await cluster.isWell();
    await until(() => containers.pods.join() === 'c-0');
  }, 300_000);
});

describe('an API server that', () => {
  /** As its Deployment has it: one that ends is started again. */
  async function isWellWithRestarts(work: () => Promise<void>): Promise<void> {
    let isOver = false;
    operator = await startOperator();
    await operator.leading();
    const outputs: string[] = [];
    const kept = (async () => {
      while (!isOver) {
        await until(() => isOver || operator?.hasEnded === true, { timeoutMs: 300_000 });
        if (isOver) return;
        outputs.push(operator?.output ?? '');
        operator = OperatorProcess.start({ kubeconfig, namespace: RELEASE_NAMESPACE });
      }
    })();
    try {
      await work();
      await cluster.isWell();
    } finally {
      isOver = true;
      await kept;
      await operator.end();
    }
    // It ends only as it is meant to.
    for (const output of outputs) expect(output).toContain('no longer leading');
  }

  test('is started again while a cluster changes', async () => {
    await isWellWithRestarts(async () => {
      await cluster.apply({ ...spec(), replicas: 2, image: { tag: 'other' } });
      await cluster.has('Progressing', 'True');
      await controlPlane().restartApiServer();
    });
    expect(containers.pods.sort()).toEqual(['c-0', 'c-1']);
  }, 180_000);

  test('does not answer for half a minute while a cluster changes', async () => {
    await isWellWithRestarts(async () => {
      await cluster.apply({ ...spec(), replicas: 1, image: { tag: 'other' } });
      await cluster.has('Progressing', 'True', 'Scaling');
      controlPlane().pauseApiServer();
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      controlPlane().resumeApiServer();
    });
    await until(() => containers.pods.join() === 'c-0');
  }, 240_000);
});
