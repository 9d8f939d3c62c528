import type { ErrorCode } from '@etherply/protocol';
import type { Write } from '../../storage/shard.ts';
import { sameHeads } from '../../strategy/heads.ts';
import type { Op, Plan, Strategy } from '../../strategy/strategy.ts';
import type { EnvelopeOp } from '../state/envelope.ts';
import { fingerprintOf, type OpMemory } from '../state/op-memory.ts';
import type { WorkspaceState } from '../state/workspace-state.ts';
import { correctSender } from './announcement.ts';
import { QuotaCheck, type WorkspaceQuota } from './quota.ts';
import { type Submission, UNAVAILABLE } from './submission.ts';

/** Submissions in the order in which they will be committed. */
export interface Sorted {
  readonly accepted: readonly Submission[];
  /** Those that have been answered already, or are refused: settled after the turn. */
  readonly refused: readonly (() => void)[];
  /** Sent again within the same turn: what becomes of them depends on what becomes of the first. */
  readonly deferred: readonly Submission[];
  /** Of all accepted ones. */
  readonly ops: readonly Op[];
  /** Unix milliseconds. */
  readonly time: number;
}

/** One turn of the commit loop. */
export interface Turn extends Sorted {
  readonly plan: Plan;
  readonly write: Extract<Write, { kind: 'record' }> | undefined;
  /** What the envelope says of the ops. */
  readonly envelopeOps: readonly EnvelopeOp[];
}

/**
 * Leaves out resends and what may not be, and brings together what each origin sent, so that one frame can carry it in
 * commit order.
 */
export function sortSubmissions(
  waiting: readonly Submission[],
  { strategy, settings, memory }: WorkspaceState,
  quota: WorkspaceQuota,
  now: number,
): Sorted {
  const byOrigin = new Map<unknown, Submission[]>();
  const refused: (() => void)[] = [];
  const fresh = new Set<string>();
  const deferred: Submission[] = [];
  const room = new QuotaCheck(strategy, quota);
  for (const submission of waiting) {
    const { author, id, ops, origin, expectedHeads } = submission;
    const fingerprint = id === undefined ? 0 : fingerprintOf(ops);
    const name = id === undefined ? '' : JSON.stringify([author.userId, id]);
    const seen = id === undefined ? undefined : memory.recall(author.userId, id);
    if (id !== undefined && fresh.has(name)) {
      deferred.push(submission);
    } else if (seen !== undefined && seen !== fingerprint) {
      const message = 'another op was sent under this id less than some minutes ago: give every op its own';
      refused.push(refusal(submission, 'id_reused', message));
    } else if (seen !== undefined) {
      refused.push(ackAgain(submission, strategy));
    } else if (settings.read_only === true) {
      refused.push(refusal(submission, 'permission_denied', 'the workspace is read-only'));
    } else if (expectedHeads !== undefined && (byOrigin.size > 0 || !sameHeads(expectedHeads, strategy.heads()))) {
      const message = 'the workspace has changed since these heads: read it again';
      refused.push(refusal(submission, 'precondition_failed', message));
    } else if (!room.admits(ops)) {
      const message = `a workspace may have ${quota.maxKeys} keys and ${quota.maxBytes} bytes`;
      refused.push(refusal(submission, 'quota_exceeded', message));
    } else {
      if (id !== undefined) fresh.add(name);
      const owner = origin ?? submission;
      const mine = byOrigin.get(owner);
      if (mine === undefined) byOrigin.set(owner, [submission]);
      else mine.push(submission);
    }
  }
  const accepted = [...byOrigin.values()].flat();
  return { accepted, refused, deferred, ops: accepted.flatMap(({ ops }) => ops), time: now };
}

// Made by functions of their own: in the loop above each submission, also one without any of this, would pay for them.

function refusal({ settle }: Submission, code: ErrorCode, message: string): () => void {
  return () => settle({ ok: false, code, message });
}

function ackAgain(submission: Submission, strategy: Strategy): () => void {
  return () => {
    submission.settle({ ok: true, heads: strategy.heads() });
    correctSender(submission, strategy);
  };
}

/** What the envelope says of the ops. Refused messages are as if never sent. */
export function envelopeOps({ accepted }: Sorted, plan: Plan): EnvelopeOp[] {
  let op = 0;
  return accepted.flatMap(({ author, id, ops }, index) => {
    const timestamps = plan.timestamps.slice(op, op + ops.length);
    op += ops.length;
    if (plan.refusals.has(index)) return [];
    const fingerprint = id === undefined ? 0 : fingerprintOf(ops);
    return timestamps.map((timestamp, i) => ({
      user: author.userId,
      // The id stands for the whole message: its first op carries it.
      id: i === 0 ? (id ?? null) : null,
      fingerprint: i === 0 ? fingerprint : 0,
      timestamp,
    }));
  });
}

/** From now on the messages of a turn are recognised when they are sent again. */
export function rememberOps({ envelopeOps: ops, time }: Turn, memory: OpMemory): void {
  for (const { user, id, fingerprint } of ops) if (id !== null) memory.remember(user, id, fingerprint, time);
}

/** It may or may not have happened: whoever sent it finds out by sending it again. */
export function settleUnavailable({ accepted, refused, deferred }: Sorted): void {
  for (const { settle } of [...accepted, ...deferred]) settle(UNAVAILABLE);
  for (const settle of refused) settle();
}
