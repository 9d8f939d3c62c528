import type { Facts, PodFacts } from '../observed/facts.ts';

/**
 * Whether a pod that runs has lost a volume: somebody has deleted a claim of it, which goes for good when the pod does. What is
 * on it is safe only once the stream has it. Of a pod that has not started yet the claim may not have been seen yet.
 */
export function hasLostVolume(
  { claims, cluster }: Facts,
  { ordinal, isReady, isTerminating, control }: PodFacts,
): boolean {
  if (isTerminating || !(isReady || control?.draining === true)) return false;
  const kept = claims.filter((claim) => claim.ordinal === ordinal && !claim.isTerminating);
  return kept.length < cluster.spec.storage.shards;
}
