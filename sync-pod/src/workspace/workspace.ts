import type { ErrorCode, WorkspaceId } from '@etherply/protocol';
import type { Committer } from '../storage/commit-loop.ts';
import type { LogEntry } from '../storage/shard.ts';
import type { Op, Plan, Strategy } from '../strategy/strategy.ts';
import type { Broadcaster, Subscriber } from './broadcaster.ts';
import { type EnvelopeOp, encodeEnvelope } from './envelope.ts';
import { eventText, opFrame, opsFrame } from './frames.ts';
import { fingerprintOf } from './op-memory.ts';
import type { WorkspaceState } from './workspace-state.ts';

/** What a sender learns of its message: all its ops are durable, or none has been accepted. */
export type Outcome =
  | { readonly ok: true; readonly heads: readonly string[] }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** One message of a client: its ops take effect together. */
export interface Submission {
  readonly user: string;
  readonly id: string | undefined;
  readonly ops: readonly Op[];
  /** Who gets no broadcast of it, because it already knows. */
  readonly origin: Subscriber | undefined;
  /** Where present: refused unless the workspace is exactly at these heads. */
  readonly expectedHeads?: readonly string[] | undefined;
  /** Called once, in the order in which the workspace committed. */
  readonly settle: (outcome: Outcome) => void;
}

interface Turn {
  readonly plan: Plan;
  readonly accepted: readonly Submission[];
  readonly refused: readonly (() => void)[];
  readonly ops: readonly Op[];
}

const EPOCH = 1;
/** Whose ops these are is in the log, but not told apart where they are sent again as the state of their keys. */
const SYSTEM_USER = '';
const UNAVAILABLE: Outcome = {
  ok: false,
  code: 'unavailable',
  message: 'the workspace cannot be written now; try again later',
};

/** The actor of one workspace: orders what its clients send, makes it durable, tells everyone. */
export class Workspace implements Committer {
  readonly id: WorkspaceId;
  #state: WorkspaceState;
  readonly #broadcaster: Broadcaster;
  readonly #schedule: (workspace: Workspace) => void;
  readonly #now: () => number;
  #waiting: Submission[] = [];
  #turn: Turn | undefined;
  #down = false;

  constructor(
    id: WorkspaceId,
    state: WorkspaceState,
    edge: { broadcaster: Broadcaster; schedule: (workspace: Workspace) => void; now: () => number },
  ) {
    this.id = id;
    this.#state = state;
    this.#broadcaster = edge.broadcaster;
    this.#schedule = edge.schedule;
    this.#now = edge.now;
  }

  get strategy(): Strategy {
    return this.#state.strategy;
  }

  /** Nothing is waiting or under way. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#turn === undefined;
  }

  /** A write has failed: what is on disk may differ from what is in memory until `resume`. */
  get isDown(): boolean {
    return this.#down;
  }

  /** Goes on from what is on disk after a failed write, and tells everyone what that write did if it happened after all. */
  resume(state: WorkspaceState): void {
    const before = this.#state.strategy.heads();
    this.#state = state;
    this.#down = false;
    const changed = state.strategy.since(before) ?? [...state.strategy.view()];
    if (changed.length === 0) return;
    const events = changed.map(eventText);
    this.#broadcaster.announce(this.id, undefined, {
      singles: () => events.map((event) => opFrame(event, SYSTEM_USER)),
      batch: () => opsFrame(events, SYSTEM_USER, state.strategy.heads()),
    });
  }

  submit(submission: Submission): void {
    if (this.#down) {
      submission.settle(UNAVAILABLE);
      return;
    }
    this.#waiting.push(submission);
    this.#schedule(this);
  }

  takeTurn(): LogEntry | undefined {
    const now = this.#now();
    const turn = this.#sort(this.#waiting, now);
    this.#waiting = [];
    this.#turn = turn;
    if (turn.accepted.length === 0) return undefined;
    const envelope = encodeEnvelope({
      kind: this.#state.strategy.name,
      epoch: EPOCH,
      time: now,
      data: turn.plan.data,
      ops: envelopeOps(turn),
    });
    return { workspace: this.id, position: this.#state.position + 1, envelope };
  }

  turnCommitted(): void {
    const turn = this.#finishTurn();
    if (turn.accepted.length > 0) {
      this.#state.position += 1;
      this.#state.strategy.commit(turn.plan, turn.ops, this.#state.position);
      this.#announce(turn);
    }
    for (const settle of turn.refused) settle();
  }

  turnFailed(): void {
    const turn = this.#finishTurn();
    this.#down = true;
    for (const { settle } of [...turn.accepted, ...this.#waiting]) settle(UNAVAILABLE);
    for (const settle of turn.refused) settle();
    this.#waiting = [];
  }

  #finishTurn(): Turn {
    const turn = this.#turn;
    if (turn === undefined) throw new Error(`workspace ${this.id}: no turn is under way`);
    this.#turn = undefined;
    return turn;
  }

  /** Leaves out resends, and brings together what each origin sent, so that one frame can carry it in commit order. */
  #sort(waiting: readonly Submission[], now: number): Turn {
    const byOrigin = new Map<unknown, Submission[]>();
    const refused: (() => void)[] = [];
    const fresh = new Map<string, number>();
    for (const submission of waiting) {
      const { user, id, ops, settle, origin } = submission;
      if (id !== undefined) {
        const fingerprint = fingerprintOf(ops);
        const name = JSON.stringify([user, id]);
        const seen = this.#state.memory.recall(user, id) ?? fresh.get(name);
        if (seen === fingerprint) {
          refused.push(() => settle({ ok: true, heads: this.#state.strategy.heads() }));
          continue;
        }
        if (seen !== undefined) {
          const message =
            'another op was sent under this id less than some minutes ago: give every op an id of its own';
          refused.push(() => settle({ ok: false, code: 'id_reused', message }));
          continue;
        }
        fresh.set(name, fingerprint);
      }
      if (
        submission.expectedHeads !== undefined &&
        (byOrigin.size > 0 || !sameHeads(submission.expectedHeads, this.#state.strategy.heads()))
      ) {
        const message = 'the workspace has changed since these heads: read it again';
        refused.push(() => settle({ ok: false, code: 'precondition_failed', message }));
        continue;
      }
      const owner = origin ?? submission;
      const mine = byOrigin.get(owner);
      if (mine === undefined) byOrigin.set(owner, [submission]);
      else mine.push(submission);
    }
    const accepted = [...byOrigin.values()].flat();
    const ops = accepted.flatMap((submission) => submission.ops);
    for (const { user, id, ops: own } of accepted) {
      if (id !== undefined) this.#state.memory.remember(user, id, fingerprintOf(own), now);
    }
    return { plan: this.#state.strategy.plan(ops, now), accepted, refused, ops };
  }

  /** One frame for each origin, in commit order; each sender's acks stand where its ops stand. */
  #announce({ plan, accepted, ops }: Turn): void {
    let op = 0;
    for (let i = 0; i < accepted.length; ) {
      const first = accepted[i];
      if (first === undefined) break;
      const group: Submission[] = [];
      const events: string[] = [];
      for (
        let next: Submission | undefined = first;
        next !== undefined && (next === first || (first.origin !== undefined && next.origin === first.origin));
        next = accepted[i]
      ) {
        group.push(next);
        for (let n = 0; n < next.ops.length; n += 1, op += 1) {
          const one = ops[op];
          if (one !== undefined && plan.effective[op]) events.push(eventText(one));
        }
        i += 1;
      }
      if (events.length > 0) {
        const { origin, user } = first;
        const receiver = origin?.isOpen ? origin : undefined;
        this.#broadcaster.announce(this.id, receiver, {
          singles: () => events.map((event) => opFrame(event, user)),
          batch: () => opsFrame(events, user, plan.heads),
        });
      }
      for (const { settle } of group) settle({ ok: true, heads: plan.heads });
      first.origin?.flushAcks();
    }
  }
}

function envelopeOps({ accepted, plan }: Turn): EnvelopeOp[] {
  let op = 0;
  return accepted.flatMap(({ user, id, ops }) => {
    const fingerprint = id === undefined ? 0 : fingerprintOf(ops);
    return ops.map(({ timestamp }, i) => ({
      user,
      // The id stands for the whole message: its first op carries it.
      id: i === 0 ? (id ?? null) : null,
      fingerprint: i === 0 ? fingerprint : 0,
      timestamp: plan.effective[op++] ? timestamp : null,
    }));
  });
}

function sameHeads(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((hash) => b.includes(hash));
}
