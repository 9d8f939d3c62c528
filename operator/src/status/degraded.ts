import { ingressReady } from './ingress-ready.ts';
import { scalingBlocked } from './scaling-blocked.ts';
import { no, type Situation, type Verdict, yes } from './situation.ts';
import { storageReady } from './storage-ready.ts';
import { streamReady } from './stream-ready.ts';

/** Whether something is wrong that does not pass by itself; the first thing that is names the reason, the message has all. */
export function degraded(situation: Situation): Verdict {
  const [first, ...more] = problemsOf(situation);
  if (first === undefined) return no('AsExpected', 'nothing is known to be wrong');
  return yes(first.reason, [first, ...more].map(({ message }) => message).join('. '));
}

function* problemsOf(situation: Situation): Iterable<{ readonly reason: string; readonly message: string }> {
  const { facts, plan, failures } = situation;
  if (plan.missingSecret !== undefined) yield plan.missingSecret;
  for (const message of failures) yield { reason: 'Refused', message };
  if (facts.refusal !== undefined) yield { reason: 'PodsRefused', message: refused(facts.refusal) };
  for (const { name, problem } of facts.pods) {
    if (problem !== undefined) yield { reason: 'PodFailing', message: `${name}: ${problem}` };
  }
  for (const { name, control } of facts.pods) {
    for (const problem of control?.problems ?? []) yield { reason: 'PodUnwell', message: `${name}: ${problem}` };
  }
  if (facts.nats?.problem !== undefined) yield { reason: 'NatsFailing', message: facts.nats.problem };
  if (facts.router?.problem !== undefined) yield { reason: 'RouterFailing', message: facts.router.problem };
  for (const verdict of [streamReady(situation), storageReady(situation), ingressReady(situation)]) {
    if (verdict.status === 'False' && !PASSING.has(verdict.reason)) yield verdict;
  }
  const blocked = scalingBlocked(situation);
  if (blocked.status === 'True') yield blocked;
}

function refused(why: string): string {
  return `Kubernetes makes no more pods: ${why}. Raise the quota or limit, or allow them; it is tried again by itself`;
}

/** Reasons of conditions that are false for a while after a start. */
const PASSING = new Set(['ClaimsPending', 'NotReady']);
