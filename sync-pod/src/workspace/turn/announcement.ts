import type { Op, RegisterView, Strategy } from '../../strategy/strategy.ts';
import { SYSTEM_USER } from '../state/system-user.ts';
import type { Announcement } from './broadcaster.ts';
import { eventText, opFrame, opsFrame } from './frames.ts';
import type { Submission } from './submission.ts';

/** Ops of one user, as others are told of them. */
export function announcementOf(views: readonly RegisterView[], user: string, heads: readonly string[]): Announcement {
  const events = views.map(eventText);
  return {
    singles: () => events.map((event) => opFrame(event, user)),
    batch: () => opsFrame(events, user, heads),
  };
}

/** A message was acked that is in already: tells its sender, who takes it for written now, what has been written since. */
export function correctSender({ origin, ops }: Submission, strategy: Strategy): void {
  const changed = ops.flatMap((op) => winnerOver(op, strategy));
  if (origin === undefined || changed.length === 0) return;
  origin.flushAcks();
  origin.correct(announcementOf(changed, SYSTEM_USER, strategy.heads()));
}

/** What the key of an op holds, where that is something else than what the op writes. */
export function winnerOver({ key, json, timestamp = 0 }: Op, strategy: Strategy): RegisterView[] {
  const held = strategy.get(key) ?? { key, json: undefined, timestamp };
  return held.json === json ? [] : [held];
}
