import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KINDS } from '../../src/kube/kinds.ts';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import { Containers } from '../containers.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { installChart } from './installation.ts';
import { OperatorProcess } from './operator-process.ts';

const controlPlane = sharedControlPlane();
let operator: OperatorProcess;

beforeAll(async () => {
  const kubeconfig = await installChart(controlPlane());
  operator = OperatorProcess.start({ kubeconfig, namespace: RELEASE_NAMESPACE });
  await operator.leading();
});

afterAll(async () => {
  await operator.end();
});

test('a cluster with nothing but a Secret becomes available, with pods, NATS and a router that the operator made', async () => {
  const { client } = controlPlane();
  const namespace = await controlPlane().createNamespace();
  const cluster = new ClusterFixture(client, namespace);
  const containers = await Containers.follow(client, namespace);
  try {
    await cluster.createSecret();
    await cluster.apply({});
    await cluster.isWell();
    expect(containers.pods.sort()).toEqual(['c-0', 'c-1', 'c-2', 'c-nats-0']);
    const events = await client.list(KINDS.Event, { namespace });
    expect(events.items.map(({ reason }) => reason)).toContain('Created');
  } catch (error) {
    console.log(
      operator.output.slice(-6000),
      JSON.stringify((await cluster.get())?.status, null, 1),
      containers.pods.map((pod) => containers.output(pod).slice(-800)),
    );
    throw error;
  } finally {
    await containers.stop();
  }
});
