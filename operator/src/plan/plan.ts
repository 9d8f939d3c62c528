import type { KubeObject } from '../kube/object.ts';
import type { Facts } from '../observed/facts.ts';
import type { Action, Obstacle } from './action.ts';
import { type Applied, planObjects } from './objects.ts';
import { planResumes, planRoll, type Roll } from './roll.ts';
import { planScale, type Scale } from './scale.ts';
import { missingSecret } from './secrets.ts';
import { planVolumes, type Volumes } from './volumes.ts';

/** All that is to be done now for a cluster, and what stands in the way. */
export interface Plan {
  /** In this order. */
  readonly actions: readonly Action[];
  readonly scale: Scale;
  readonly roll: Roll;
  readonly volumes: Volumes;
  readonly missingSecret: Obstacle | undefined;
}

/** What the builders make of a cluster, given how many pods there are to be now. */
type Build = (replicas: number) => readonly KubeObject[];

/**
 * @param build makes the objects that there are to be
 * @param observed the objects that belong to the cluster
 * @param applied as of `planObjects`
 */
export function planCluster(
  facts: Facts,
  build: Build,
  observed: readonly KubeObject[],
  applied: ReadonlyMap<string, Applied>,
): Plan {
  const scale = planScale(facts);
  const roll = planRoll(facts, scale);
  const volumes = planVolumes(facts);
  const missing = missingSecret(facts);
  const plan = { scale, roll, volumes, missingSecret: missing };
  if (facts.cluster.spec.paused) return { ...plan, actions: [] };

  const desired = build(scale.replicas);
  const isPods = (object: KubeObject) => object.kind === 'StatefulSet' && object.metadata.name === facts.cluster.name;
  // Pods that run go on with the Secret that they have; new ones could not start.
  const isHeld = (object: KubeObject) => isPods(object) && (missing !== undefined || volumes.isNewSetNeeded);
  const objects = planObjects(desired, observed, applied).filter(
    (action) => action.kind !== 'apply' || !isHeld(action.object),
  );
  const set = observed.find(isPods);
  const isReplaced = volumes.isNewSetNeeded && missing === undefined && set?.metadata.deletionTimestamp === undefined;
  return {
    ...plan,
    actions: [
      ...objects,
      ...(set !== undefined && isReplaced ? [replacement(set, facts)] : []),
      ...planResumes(facts, scale),
      ...volumes.actions,
      ...scale.actions,
      ...roll.actions,
    ],
  };
}

/** Its pods stay, and belong to the one that is made next. */
function replacement(object: KubeObject, { cluster }: Facts): Action {
  const reason = `new volumes are to have ${cluster.spec.storage.size}, which only a new StatefulSet can say`;
  return { kind: 'delete', object, isOrphaning: true, reason };
}
