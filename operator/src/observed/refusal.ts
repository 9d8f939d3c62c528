import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';

const time = z.string().nullish();
const event = z.object({
  reason: z.string().optional(),
  note: z.string().default(''),
  eventTime: time,
  deprecatedLastTimestamp: time,
  metadata: z.object({ creationTimestamp: z.string().default('') }),
});

const CREATED = 'SuccessfulCreate';
const REFUSED = 'FailedCreate';

/**
 * Why Kubernetes makes no more pods, or claims, for a StatefulSet, as its own controller says in Events of it: a quota is used
 * up, or a policy forbids them. Undefined where the last one was made.
 */
export function refusalOf(events: readonly KubeObject[]): string | undefined {
  const attempts = events
    .map((object) => event.parse(object))
    .filter(({ reason }) => reason === CREATED || reason === REFUSED)
    .map(({ reason, note, eventTime, deprecatedLastTimestamp, metadata }) => ({
      note,
      isRefused: reason === REFUSED,
      at: Date.parse(deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp),
    }));
  // Their times are in seconds: of two at once the better one came last, for after it nothing is tried any more.
  const [last] = attempts.sort((a, b) => b.at - a.at || Number(a.isRefused) - Number(b.isRefused));
  return last?.isRefused ? last.note : undefined;
}
