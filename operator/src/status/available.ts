import { no, type Situation, type Verdict, yes } from './situation.ts';

/** Whether clients are served: at least one pod is ready, and can be reached. */
export function available({ facts, plan }: Situation): Verdict {
  const { pods, cluster, router } = facts;
  const ready = pods.filter(({ isReady }) => isReady).length;
  if (ready === 0) {
    if (plan.missingSecret !== undefined) return no(plan.missingSecret.reason, plan.missingSecret.message);
    const stuck = pods.find(({ problem }) => problem !== undefined);
    return no('NoPodReady', stuck === undefined ? 'no pod is ready yet' : `${stuck.name}: ${stuck.problem}`);
  }
  if (cluster.spec.ingress.mode === 'router' && (router?.readyReplicas ?? 0) === 0) {
    return no('RouterNotReady', router?.problem ?? 'no pod of the router is ready yet');
  }
  return yes('Serving', `${ready} of ${cluster.spec.replicas} pods are ready`);
}
