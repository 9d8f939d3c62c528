import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Load } from '../../../sync-pod/test/replication/load.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { Containers } from '../containers.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { Clients } from './clients.ts';
import { ClusterFixture, SECRET } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { operatorCounts } from './operator-metrics.ts';
import { OperatorProcess } from './operator-process.ts';
import { PodHistory } from './pod-history.ts';

const PODS = ['c-0', 'c-1', 'c-2'];
/** So often the spec changes in the middle of a roll. */
const ROLLS = Number(process.env.ROLLS ?? 1);
const OTHER_SECRET = 'another secret that is long enough, too';
/** Clients are sent away within half of the grace period. */
const SPEC = { ingress: { mode: 'none' }, podTemplate: { terminationGracePeriodSeconds: 10 } };

const controlPlane = sharedControlPlane();
let operator: OperatorProcess;
let cluster: ClusterFixture;
let containers: Containers;
let clients: Clients;

beforeAll(async () => {
  const { client } = controlPlane();
  operator = OperatorProcess.start({
    kubeconfig: await installChart(controlPlane()),
    namespace: RELEASE_NAMESPACE,
    // Nobody tells of Secrets.
    env: { ETHERPLY_RESYNC_SECONDS: '5' },
  });
  const namespace = await controlPlane().createNamespace();
  cluster = new ClusterFixture(client, namespace);
  containers = await Containers.follow(client, namespace);
  clients = new Clients(containers);
  await cluster.createSecret();
  await cluster.apply(SPEC);
  await cluster.isWell();
}, 180_000);

afterAll(async () => {
  await operator.end();
  await containers.stop();
});

/** While clients write: nothing that was acked is lost, and all pods have the same in the end. */
async function underLoad(name: string, work: (load: Load, history: PodHistory) => Promise<void>): Promise<void> {
  const workspaces = ['a', 'b', 'tenant:c', 'tenant:d'].map((workspace) => `${workspace}-${name}`);
  const history = await PodHistory.follow(controlPlane().client, cluster.ref.namespace);
  try {
    const load = clients.load(workspaces, PODS.length);
    await load.progressed(100);
    await work(load, history);
    await load.progressed(100);
    await load.end();
    for (const workspace of workspaces) load.expectAll(workspace, await clients.agreed(workspace, PODS));
  } catch (error) {
    console.log(operator.output.slice(-6000), PODS.map((pod) => containers.output(pod).slice(-600)).join('\n'));
    throw error;
  } finally {
    await history.stop();
  }
}

/** Each connection that was ended, as `workspace of pod`, and how often. */
function mostEndsOfOne(): number {
  const counts = new Map<string, number>();
  for (const { workspace, uid } of clients.ends) {
    counts.set(`${workspace} ${uid}`, (counts.get(`${workspace} ${uid}`) ?? 0) + 1);
  }
  return Math.max(...counts.values());
}

function uids() {
  return PODS.map((pod) => containers.uid(pod));
}

const rolling = (message: RegExp) => async () => {
  const found = await cluster.condition('Progressing');
  return found?.status === 'True' && found.reason === 'Rolling' && message.test(found.message);
};

test('a changed image and limit: one pod after the other is made anew, and it is told why', async () => {
  await underLoad('changed', async (_, history) => {
    const before = uids();
    await cluster.apply({ ...SPEC, image: { tag: 'next' }, limits: { maxConnectionsPerWorkspace: 1000 } });
    await until(rolling(/3 of 3 pods are to be made anew: the image is now .*:next, settings have changed; c-2 /));
    await until(rolling(/1 of 3 pods are to be made anew/), { timeoutMs: 90_000 });
    await cluster.isWell();
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    expect(history.deleted).toEqual(['c-2', 'c-1', 'c-0']);
    expect(history.fewestReady).toBe(2);
    expect([1, 2]).toContain(mostEndsOfOne());
  });
  for (const reason of ['Draining', 'Replaced']) {
    expect(await cluster.notes(reason)).toEqual(PODS.map((pod) => expect.stringContaining(pod)).toReversed());
  }
  expect(await cluster.notes('Replaced')).toContainEqual(
    'c-2 is made anew: the image is now ghcr.io/etherply/sync-pod:next, settings have changed',
  );
}, 180_000);

test(
  'a spec that changes while pods are made anew: it goes on with the newest, one at a time',
  async () => {
    await underLoad('again', async (_, history) => {
      for (let roll = 1; roll <= ROLLS; roll += 1) {
        await cluster.apply({ ...SPEC, image: { tag: 'next' }, limits: { maxConnectionsPerWorkspace: 1000 + roll } });
        await until(rolling(/2 of 3 pods are to be made anew/), { timeoutMs: 90_000 });
      }
      await cluster.apply({ ...SPEC, image: { tag: 'next' }, limits: { maxConnectionsPerWorkspace: 1000 } });
      await cluster.isWell();
      expect(history.fewestReady).toBe(2);
      // One for each change, and those again in the end; the rest is as it was in the beginning.
      expect(history.deleted.length).toBeLessThanOrEqual(2 * ROLLS);
    });
  },
  120_000 + ROLLS * 60_000,
);

test('an image that does not exist: one pod is lost, the others go on, also when NATS was away; and the old image mends it', async () => {
  containers.breakImage('ghcr.io/etherply/sync-pod:broken');
  const uidsBefore = uids();
  await underLoad('broken', async (load, history) => {
    await cluster.apply({ ...SPEC, image: { tag: 'broken' } });
    const { message } = await cluster.has('Degraded', 'True', 'PodFailing');
    expect(message).toContain('c-2: sync-pod: ImagePullBackOff');
    await until(rolling(/c-2 is to become ready/));
    await load.progressed(200);

    containers.crash('c-nats-0');
    await cluster.has('Available', 'False');
    const { reconciles } = await operatorCounts(operator);
    await until(async () => (await operatorCounts(operator)).reconciles > reconciles + 3);
    containers.restart('c-nats-0');
    await cluster.has('Available', 'True');
    await load.progressed(200);
    expect(history.deleted).toEqual(['c-2']);

    await cluster.apply({ ...SPEC, image: { tag: 'next' }, limits: { maxConnectionsPerWorkspace: 1000 } });
    await cluster.isWell();
    expect(history.deleted).toEqual(['c-2', 'c-2']);
  });
  expect(uids().slice(0, 2)).toEqual(uidsBefore.slice(0, 2));
}, 180_000);

describe('a Secret that changes', () => {
  test('the one that tokens are signed with: every pod takes the new one', async () => {
    await underLoad('jwt', async (_, history) => {
      clients.secrets = [OTHER_SECRET, SECRET];
      await cluster.createSecret(OTHER_SECRET);
      await until(rolling(/a Secret has changed/));
      await cluster.isWell();
      clients.secrets = [OTHER_SECRET];
      expect(history.deleted).toEqual(['c-2', 'c-1', 'c-0']);
      expect(history.fewestReady).toBe(2);
    });
  }, 180_000);

  test('the token of the operator, deleted by hand: it makes another one, and pods that do not know it are made anew', async () => {
    await underLoad('control', async (_, history) => {
      await controlPlane().client.delete(KINDS.Secret, { namespace: cluster.ref.namespace, name: 'c-control' });
      await until(rolling(/a Secret has changed/));
      await cluster.isWell();
      expect(history.deleted.toSorted()).toEqual(PODS);
      expect(history.fewestReady).toBe(2);
    });
    expect(await cluster.notes('Replaced')).toContainEqual(
      expect.stringContaining('it does not know the token of the operator'),
    );
  }, 180_000);
});
