import type { WorkspaceId } from '@etherply/protocol';
import type { RegisterView, Strategy } from '../../strategy/strategy.ts';
import { SYSTEM_USER } from '../state/system-user.ts';
import { announcementOf, winnerOver } from './announcement.ts';
import type { Broadcaster } from './broadcaster.ts';
import type { Submission } from './submission.ts';
import type { Turn } from './turn.ts';

/**
 * Tells everyone what a turn did. One frame for each origin, in commit order; each sender's acks stand where its ops stand.
 * @param before the heads before the turn
 * @returns how many ops had an effect
 */
export function announceTurn(
  { plan, accepted, ops }: Turn,
  workspace: WorkspaceId,
  strategy: Strategy,
  broadcaster: Broadcaster,
  before: readonly string[],
): number {
  let op = 0;
  let effective = 0;
  for (let start = 0, end = 0; start < accepted.length; start = end) {
    const first = accepted[start];
    if (first === undefined) break;
    end = endOfGroup(accepted, start);
    const { origin, author } = first;
    // Only who has the last frame of the turn has all that these heads stand for.
    const heads = end === accepted.length ? plan.heads : before;
    const views: RegisterView[] = [];
    const lost: RegisterView[] = [];
    for (let index = start; index < end; index += 1) {
      const isRefused = plan.refusals.has(index);
      for (let n = accepted[index]?.ops.length ?? 0; n > 0; n -= 1, op += 1) {
        const one = ops[op];
        const timestamp = plan.timestamps[op] ?? null;
        if (one === undefined || isRefused) continue;
        if (timestamp !== null) views.push({ key: one.key, json: one.json, timestamp });
        else lost.push(...winnerOver(one, strategy));
      }
    }
    effective += views.length;
    if (views.length > 0) {
      const receiver = origin?.isOpen ? origin : undefined;
      broadcaster.announce(workspace, receiver, announcementOf(views, author.userId, heads));
    }
    settleGroup(accepted, start, end, { ...plan, heads }, strategy);
    origin?.flushAcks();
    if (lost.length > 0) origin?.correct(announcementOf(lost, SYSTEM_USER, heads));
  }
  return effective;
}

/** Those that follow each other and have the same origin. */
function endOfGroup(accepted: readonly Submission[], start: number): number {
  const origin = accepted[start]?.origin;
  let end = start + 1;
  while (origin !== undefined && accepted[end]?.origin === origin) end += 1;
  return end;
}

function settleGroup(
  accepted: readonly Submission[],
  start: number,
  end: number,
  { refusals, heads }: Turn['plan'],
  strategy: Strategy,
): void {
  for (let index = start; index < end; index += 1) {
    const settle = accepted[index]?.settle;
    const refusal = refusals.get(index);
    if (refusal === undefined) settle?.({ ok: true, heads });
    else {
      const rejection = { ...refusal, held: strategy.get(refusal.key), heads };
      settle?.({ ok: false, code: 'rejected', message: `${refusal.code}: ${refusal.message}`, rejection });
    }
  }
}
