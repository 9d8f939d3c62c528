import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { AppliedObjects } from '../../src/controllers/applied-objects.ts';
import { Effects } from '../../src/controllers/effects.ts';
import { Told } from '../../src/controllers/told.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { PodControl } from '../../src/pods/pod-control.ts';
import { EventRecorder } from '../../src/runtime/event-recorder.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { clusterOf } from '../facts.ts';

const controlPlane = sharedControlPlane();

test('a StatefulSet that has changed since it was seen keeps its pods, and nothing is said to be wrong', async () => {
  const { client } = controlPlane();
  const namespace = await controlPlane().createNamespace();
  const events = new EventRecorder(client, { controller: 'test', instance: 'test' });
  const applied = new AppliedObjects();
  const effects = new Effects({
    client,
    pods: new PodControl(),
    applied,
    told: new Told(events, pino({ level: 'silent' })),
    isLeader: () => true,
  });
  const labels = { app: 'c' };
  const setOf = (replicas: number) => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name: 'c' },
    spec: {
      replicas,
      serviceName: 'c',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'none' }] } },
    },
  });
  const cluster = { ...clusterOf(), namespace };
  const ref = { namespace, name: 'c' };
  const seen = await client.apply(setOf(2));
  await client.apply(setOf(4));

  const late = {
    kind: 'apply',
    object: setOf(2),
    onlyAs: seen.metadata.resourceVersion,
    reason: 'it is seen late',
  } as const;
  expect(await effects.carryOut(cluster, [late], undefined)).toEqual({ failures: [], isLate: true });
  expect(await client.get(KINDS.StatefulSet, ref)).toMatchObject({ spec: { replicas: 4 } });
  expect(applied.of(`${namespace}/c`).size).toBe(0);

  // Its controller changes it, too.
  await until(async () => {
    const onlyAs = (await client.get(KINDS.StatefulSet, ref))?.metadata.resourceVersion ?? '';
    expect(await effects.carryOut(cluster, [{ ...late, onlyAs }], undefined)).toMatchObject({ failures: [] });
    return applied.of(`${namespace}/c`).size === 1;
  });
  expect(await client.get(KINDS.StatefulSet, ref)).toMatchObject({ spec: { replicas: 2 } });
  await events.close();
});
