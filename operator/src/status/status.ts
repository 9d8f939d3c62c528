import type { Cluster, ClusterStatus, Condition } from '../api/cluster.ts';
import { available } from './available.ts';
import { degraded } from './degraded.ts';
import { endpointOf } from './endpoint.ts';
import { ingressReady } from './ingress-ready.ts';
import { progressing } from './progressing.ts';
import { scalingBlocked } from './scaling-blocked.ts';
import { type Situation, type Verdict, yes } from './situation.ts';
import { storageReady } from './storage-ready.ts';
import { streamReady } from './stream-ready.ts';

/** Each says one thing of a cluster. */
const CONDITIONS = {
  Available: available,
  Progressing: progressing,
  Degraded: degraded,
  StreamReady: streamReady,
  StorageReady: storageReady,
  IngressReady: ingressReady,
  ScalingBlocked: scalingBlocked,
} satisfies Record<string, (situation: Situation) => Verdict>;

/** A person has to read it, and an object has room for little more. */
const MAX_MESSAGE = 1024;

/** What it is to say where it could not even be looked how the cluster is: all else stays as it was known. */
export function refusedStatus({ status, generation }: Cluster, message: string, now: string): ClusterStatus {
  const last = status.conditions?.find(({ type }) => type === 'Degraded');
  const degraded = conditionOf('Degraded', yes('Refused', message), last, generation, now);
  const others = status.conditions?.filter(({ type }) => type !== 'Degraded') ?? [];
  return { ...status, conditions: [...others, degraded] };
}

/**
 * What the status of the cluster is to say.
 * @param selector of the sync pods, as an autoscaler takes it
 * @param now RFC 3339, in seconds
 */
export function statusOf(situation: Situation, selector: string, now: string): ClusterStatus {
  const { cluster, pods, statefulSet } = situation.facts;
  const before = new Map(cluster.status.conditions?.map((condition) => [condition.type, condition]));
  return {
    observedGeneration: cluster.generation,
    replicas: statefulSet?.replicas ?? cluster.status.replicas ?? 0,
    readyReplicas: pods.filter(({ isReady }) => isReady).length,
    selector,
    endpoint: endpointOf(cluster),
    conditions: Object.entries(CONDITIONS).map(([type, verdictOf]): Condition => {
      return conditionOf(type, verdictOf(situation), before.get(type), cluster.generation, now);
    }),
  };
}

/** @param last as it was before: its time moves only when the status does */
function conditionOf(
  type: string,
  verdict: Verdict,
  last: Condition | undefined,
  observedGeneration: number,
  now: string,
): Condition {
  return {
    type,
    ...verdict,
    message: verdict.message.slice(0, MAX_MESSAGE),
    observedGeneration,
    lastTransitionTime: last?.status === verdict.status ? last.lastTransitionTime : now,
  };
}
