import { no, type Situation, type Verdict, yes } from './situation.ts';

/** Whether the operator, or Kubernetes, is on the way to what the spec says. */
export function progressing({ facts, plan }: Situation): Verdict {
  const { cluster, pods, statefulSet } = facts;
  const { scale, roll, volumes } = plan;
  if (cluster.spec.paused) return no('Paused', 'spec.paused is true: everything is left as it is');
  if (plan.missingSecret !== undefined) return no(plan.missingSecret.reason, plan.missingSecret.message);
  const waiting = (text: string | undefined) => (text === undefined ? '' : `; ${text}`);
  if (statefulSet !== undefined && statefulSet.replicas !== scale.wanted) {
    return yes('Scaling', `from ${statefulSet.replicas} to ${scale.wanted} pods${waiting(scale.waitsFor)}`);
  }
  if (roll.outdated > 0) {
    const count = `${roll.outdated} of ${pods.length} pods are to be made anew`;
    return yes('Rolling', `${count}: ${roll.reason}${waiting(roll.waitsFor)}`);
  }
  if (volumes.actions.length > 0 || volumes.newSets.size > 0) {
    return yes('GrowingVolumes', 'volumes are made as large as the spec says');
  }
  const ready = pods.filter(({ isReady }) => isReady).length;
  if (ready < cluster.spec.replicas) return yes('Starting', `${ready} of ${cluster.spec.replicas} pods are ready`);
  return no('Stable', 'everything is as the spec says');
}
