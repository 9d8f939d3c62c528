import { hasLostVolume } from '../plan/lost-volumes.ts';
import { no, type Situation, type Verdict, yes } from './situation.ts';

/** Whether every pod has its volumes, as large as the spec says. */
export function storageReady({ facts, plan }: Situation): Verdict {
  const { cluster, claims, storageClasses } = facts;
  if (plan.volumes.obstacle !== undefined) return no(plan.volumes.obstacle.reason, plan.volumes.obstacle.message);
  // Those of pods that have been scaled away may lie there for ever.
  const used = claims.filter(({ ordinal }) => ordinal < plan.scale.replicas);
  const wrong = used.find(({ problem }) => problem !== undefined);
  if (wrong !== undefined) return no('VolumeFailing', `${wrong.name}: ${wrong.problem}`);

  const lost = facts.pods.find((pod) => hasLostVolume(facts, pod));
  if (lost !== undefined) {
    return no(
      'ClaimDeleted',
      `a claim of ${lost.name} was deleted: the pod is made anew with an empty volume as soon as the stream has all that it has. ` +
        'Until then do not delete the pod',
    );
  }

  const pending = used.filter(({ isBound }) => !isBound);
  const [first] = pending;
  if (first === undefined) {
    const missing = plan.scale.replicas * cluster.spec.storage.shards - used.length;
    if (missing > 0) return no('ClaimsPending', `${missing} volumes are to be asked for`);
    return yes('Bound', `${used.length} volumes are bound`);
  }
  const { storageClassName } = first;
  if (storageClassName === undefined && storageClasses?.some(({ isDefault }) => isDefault) === false) {
    return no(
      'NoStorageClass',
      `${first.name} waits for a volume: spec.storage.storageClassName is not set, and no storage class is the default one. ` +
        'Mark one with the annotation storageclass.kubernetes.io/is-default-class: "true"',
    );
  }
  if (storageClassName !== undefined && storageClasses?.some(({ name }) => name === storageClassName) === false) {
    return no(
      'StorageClassMissing',
      `${first.name} waits for a volume: there is no storage class ${storageClassName}. Create it`,
    );
  }
  return no('ClaimsPending', `${pending.length} volumes are not bound yet, as ${first.name}`);
}
