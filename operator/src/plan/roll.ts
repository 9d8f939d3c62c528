import { CONFIG_HASH_ANNOTATION, SECRETS_HASH_ANNOTATION } from '../desired/labels.ts';
import type { Facts, PodFacts, TemplateFacts } from '../observed/facts.ts';
import type { Action } from './action.ts';
import { handOverOf } from './hand-over.ts';
import { hasLostVolume } from './lost-volumes.ts';
import type { Scale } from './scale.ts';

/** How pods are made anew, one after the other. */
export interface Roll {
  readonly actions: readonly Action[];
  /** Pods that are still to be made anew. */
  readonly outdated: number;
  /** Why they are; undefined where none is. */
  readonly reason: string | undefined;
  /** What the next step waits for. */
  readonly waitsFor: string | undefined;
}

const NONE: Roll = { actions: [], outdated: 0, reason: undefined, waitsFor: undefined };

/**
 * A pod is made anew when every other one is ready and the stream has all that it has. One that is not ready anyway, or cannot
 * reach the stream, is made anew without that: its volumes keep what it has, and waiting would be in vain where the change mends
 * it. But while those that are as the spec says do not become ready, no pod that runs follows them: what keeps all pods from
 * being ready may pass, as an outage of NATS does, and a change that breaks pods does not. One of which a claim was deleted gets
 * a new one that way, and never without having handed over what it has.
 */
export function planRoll(facts: Facts, scale: Scale): Roll {
  const { statefulSet, pods } = facts;
  if (statefulSet?.updateRevision === undefined || !statefulSet.isCurrent) return NONE;
  const { updateRevision, template } = statefulSet;
  const outdated = pods.filter(
    (pod) => pod.ordinal < statefulSet.replicas && (pod.revision !== updateRevision || hasLostVolume(facts, pod)),
  );
  const [first] = outdated;
  if (first === undefined) return NONE;
  const why = (pod: PodFacts) => (hasLostVolume(facts, pod) ? LOST : reasonOf(pod.template, template));
  const reason = why(first);
  const roll = { actions: [], outdated: outdated.length, reason };
  const ending = pods.find(({ isTerminating }) => isTerminating);
  if (ending !== undefined) return { ...roll, waitsFor: `${ending.name} is ending` };

  const replace = (pod: PodFacts, also: string): Roll => ({
    ...roll,
    actions: [{ kind: 'replace', pod, reason: `${why(pod)}${also}` }],
    waitsFor: `${pod.name} starts`,
  });
  const broken = outdated.filter((pod) => !pod.isReady && pod.control?.draining !== true);
  const areAllThere = pods.length >= statefulSet.replicas;
  const isProven = areAllThere && pods.every((pod) => outdated.includes(pod) || pod.isReady);
  const hopeless = broken.find(({ problem }) => problem !== undefined) ?? (isProven ? broken[0] : undefined);
  if (hopeless !== undefined) return replace(hopeless, '; it was not ready');
  const estranged = outdated.find((pod) => pod.isEstranged && !hasLostVolume(facts, pod));
  if (estranged !== undefined && areAllThere && pods.every((pod) => pod.isReady)) {
    return replace(estranged, '; it does not know the token of the operator');
  }

  if (scale.replicas < statefulSet.replicas || scale.actions.length > 0 || scale.waitsFor !== undefined) {
    return { ...roll, waitsFor: 'fewer pods are made first' };
  }
  const victim = outdated.find(({ control }) => control?.draining) ?? outdated.at(-1) ?? first;
  if (!areAllThere) return { ...roll, waitsFor: 'every pod is to be there' };
  const unreadies = pods.filter((pod) => pod !== victim && !pod.isReady);
  const unready = unreadies.find((pod) => !outdated.includes(pod)) ?? unreadies[0];
  if (unready !== undefined) return { ...roll, waitsFor: `${unready.name} is to become ready` };

  const handOver = handOverOf(victim);
  if (handOver.stage === 'done') return replace(victim, '');
  if (victim.control?.streamConnected === false && !hasLostVolume(facts, victim)) {
    return replace(victim, '; it could not reach the stream');
  }
  if (handOver.stage === 'silent') return { ...roll, waitsFor: `${victim.name} is to answer` };
  if (handOver.stage === 'draining') return { ...roll, waitsFor: handOver.message };
  const drain: Action = { kind: 'drain', pod: victim, reason: why(victim) };
  return { ...roll, actions: [drain], waitsFor: `${victim.name} sends away its clients` };
}

/** Pods that are neither to go nor to be made anew, and take nobody in: somebody has begun something that nobody wants any more. */
export function planResumes(facts: Facts, scale: Scale): readonly Action[] {
  const { pods, statefulSet } = facts;
  return pods.flatMap((pod): Action[] => {
    const isLeaving =
      pod.ordinal >= scale.replicas || (scale.replicas > scale.wanted && pod.ordinal === scale.replicas - 1);
    const isOutdated = statefulSet?.isCurrent !== true || pod.revision !== statefulSet.updateRevision;
    if (isLeaving || isOutdated || hasLostVolume(facts, pod) || pod.isTerminating || pod.control?.draining !== true)
      return [];
    return [{ kind: 'resume', pod, reason: 'it is to stay as it is' }];
  });
}

const LOST = 'a claim of it was deleted';

function reasonOf(pod: TemplateFacts, template: TemplateFacts): string {
  const reasons = [
    ...(pod.image === template.image ? [] : [`the image is now ${template.image ?? 'another one'}`]),
    ...(pod.annotations[CONFIG_HASH_ANNOTATION] === template.annotations[CONFIG_HASH_ANNOTATION]
      ? []
      : ['settings have changed']),
    ...(pod.annotations[SECRETS_HASH_ANNOTATION] === template.annotations[SECRETS_HASH_ANNOTATION]
      ? []
      : ['a Secret has changed']),
  ];
  return reasons.length > 0 ? reasons.join(', ') : 'the template of the pods has changed';
}
