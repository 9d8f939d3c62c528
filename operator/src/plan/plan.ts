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
  const isSet = ({ kind }: KubeObject) => kind === 'StatefulSet';
  const newSize = ({ metadata }: KubeObject) => volumes.newSets.get(metadata.name);
  // Pods that run go on with the Secret that they have; new ones could not start.
  const lacksSecret = ({ metadata }: KubeObject) => missing !== undefined && metadata.name === facts.cluster.name;
  const objects = planObjects(desired, observed, applied).filter((action) => {
    if (action.kind !== 'apply' || !isSet(action.object)) return true;
    return newSize(action.object) === undefined && !lacksSecret(action.object);
  });
  const replacements = observed.flatMap((object): Action[] => {
    const size = newSize(object);
    if (!isSet(object) || size === undefined || lacksSecret(object) || isGoing(object)) return [];
    // Its pods stay, and belong to the one that is made next.
    const reason = `new volumes are to have ${size}, which only a new StatefulSet can say`;
    return [{ kind: 'delete', object, isOrphaning: true, reason }];
  });
  return {
    ...plan,
    actions: [
      ...objects,
      ...replacements,
      ...planResumes(facts, scale),
      ...volumes.actions,
      ...scale.actions,
      ...roll.actions,
    ],
  };
}

function isGoing({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}
