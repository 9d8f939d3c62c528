import { expect } from '@jest/globals';
import { KINDS } from '../../src/kube/kinds.ts';
import { until } from '../control-plane/until.ts';
import type { ClusterStage } from './cluster-stage.ts';
import { type Difference, differenceOf, type OwnedObjects, ownedObjects } from './owned-objects.ts';

export type Spec = Readonly<Record<string, unknown>>;

/** As `kubectl patch` of the cluster. */
export function mergePatch({ client, cluster }: ClusterStage, spec: Spec) {
  return client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, { spec });
}

/** Resolves when the operator has acted upon the newest spec. @returns the objects then */
export async function settled({ client, namespace, cluster }: ClusterStage): Promise<OwnedObjects> {
  await until(
    async () => {
      const object = await cluster.get();
      const condition = await cluster.condition('Progressing');
      return condition?.observedGeneration === object?.metadata.generation;
    },
    { what: 'the newest spec being acted upon' },
  );
  expect(await cluster.condition('Degraded')).not.toMatchObject({ reason: 'Refused' });
  return ownedObjects(client, namespace);
}

/** What a patch of the spec changes. */
export async function differenceBy(stage: ClusterStage, spec: Spec): Promise<[Difference, OwnedObjects]> {
  const before = await settled(stage);
  await mergePatch(stage, spec);
  const after = await settled(stage);
  return [differenceOf(before, after), after];
}

export const NOTHING: Difference = { made: [], changed: [], deleted: [], rolled: [] };
