import type { Facts } from '../observed/facts.ts';
import type { Action, Obstacle } from './action.ts';
import { handOverOf } from './hand-over.ts';

/** How many sync pods there are to be now, on the way to how many the spec wants. */
export interface Scale {
  /** What the StatefulSet is to say now. */
  readonly replicas: number;
  /** What the spec says. */
  readonly wanted: number;
  readonly actions: readonly Action[];
  /** What the next step waits for; undefined where nothing is left to do. */
  readonly waitsFor: string | undefined;
  /** Why it cannot go on by itself. */
  readonly obstacle: Obstacle | undefined;
}

/**
 * More pods at once; fewer one by one, the highest ordinal first, and each only when the stream has all that it has: its volume
 * may go with it.
 */
export function planScale(facts: Facts): Scale {
  const wanted = facts.cluster.spec.replicas;
  const has = replicasOf(facts);
  const steady = { replicas: has, wanted, actions: [], waitsFor: undefined, obstacle: undefined };
  if (wanted === has) return steady;
  if (wanted > has) return { ...steady, replicas: wanted };

  const ordinal = has - 1;
  const name = `${facts.cluster.name}-${ordinal}`;
  const pod = facts.pods.find((one) => one.ordinal === ordinal);
  const leaves = { ...steady, replicas: has - 1 };
  const isEmpty = facts.claims.every((claim) => claim.ordinal !== ordinal || !claim.isBound);
  if (isEmpty && (pod === undefined || !pod.isReady)) return leaves; // it has never run
  const blocked = (why: string): Scale => ({
    ...steady,
    waitsFor: `${name} is to hand over what it has`,
    obstacle: {
      reason: 'HandOverBlocked',
      message:
        `${name} cannot be taken away: ${why}. It goes as soon as the stream has all that is on its volumes. ` +
        `To give up what only it has, delete its claims (${claimNames(facts, ordinal)}) and the pod`,
    },
  });
  if (pod === undefined) return blocked('it is not there, and its volumes are');
  // The stream forgets: somebody else must have everything before the last one goes that does.
  const incomplete = facts.pods.find((one) => one.ordinal < ordinal && !one.isReady);
  if (facts.cluster.spec.stream.retention === 'interest' && incomplete !== undefined) {
    return { ...steady, waitsFor: `${incomplete.name} is to become ready: it may not have everything yet` };
  }
  if (pod.isTerminating) return { ...steady, waitsFor: `${name} is ending, and then starts once more` };

  const handOver = handOverOf(pod);
  switch (handOver.stage) {
    case 'done':
      return leaves;
    case 'serving':
      return {
        ...steady,
        actions: [{ kind: 'drain', pod, reason: `there are to be ${wanted} pods` }],
        waitsFor: `${name} sends away its clients`,
      };
    case 'silent':
      return blocked(pod.problem ?? 'it does not answer');
    case 'draining':
      if (pod.control?.streamConnected === false || pod.control?.unpublishedWorkspaces === null) {
        return { ...blocked(handOver.message), waitsFor: handOver.message };
      }
      return { ...steady, waitsFor: handOver.message };
  }
}

/** Where the StatefulSet was deleted, those that it had must not be fewer after it is made again. */
function replicasOf({ cluster, statefulSet, pods }: Facts): number {
  if (statefulSet !== undefined) return statefulSet.replicas;
  const had = Math.max(cluster.status.replicas ?? 0, ...pods.map(({ ordinal }) => ordinal + 1));
  return had === 0 ? cluster.spec.replicas : had;
}

function claimNames({ claims }: Facts, ordinal: number): string {
  return claims.flatMap((claim) => (claim.ordinal === ordinal ? claim.name : [])).join(', ');
}
