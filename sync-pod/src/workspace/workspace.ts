import type { ErrorCode, WorkspaceId } from '@etherply/protocol';
import type { Committer } from '../storage/commit-loop.ts';
import type { Write } from '../storage/shard.ts';
import type { Op, Plan, Strategy } from '../strategy/strategy.ts';
import type { Broadcaster, Subscriber } from './broadcaster.ts';
import { type EnvelopeOp, encodeEnvelope } from './envelope.ts';
import { eventText, opFrame, opsFrame } from './frames.ts';
import { fingerprintOf } from './op-memory.ts';
import { Wholes } from './whole.ts';
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

/** What a workspace needs of those around it. */
interface Edge {
  readonly broadcaster: Broadcaster;
  /** Asks for a turn of the commit loop. */
  readonly schedule: (workspace: Workspace) => void;
  /** So much has been written since the last snapshot that it is time for another. */
  readonly compact: (workspace: Workspace) => void;
  /** Bytes of log from which on there is a snapshot. */
  readonly compactFromBytes: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Submissions in the order in which they will be committed. */
interface Sorted {
  readonly accepted: readonly Submission[];
  readonly refused: readonly (() => void)[];
  readonly ops: readonly Op[];
  /** Unix milliseconds. */
  readonly time: number;
}

interface Turn extends Sorted {
  readonly plan: Plan;
  readonly write: Extract<Write, { kind: 'record' }> | undefined;
}

/** Rises when a workspace is deleted, which no route does yet. */
export const EPOCH = 1;
/** Whose ops these are is in the log, but not told apart where they are sent again as the state of their keys. */
export const SYSTEM_USER = '';
const UNAVAILABLE: Outcome = {
  ok: false,
  code: 'unavailable',
  message: 'the workspace cannot be written now; try again later',
};

/** The actor of one workspace: orders what its clients send, makes it durable, tells everyone. */
export class Workspace implements Committer {
  readonly id: WorkspaceId;
  #state: WorkspaceState;
  #wholes: Wholes;
  readonly #edge: Edge;
  #waiting: Submission[] = [];
  /** Sorted, while their plan is made on a worker thread. */
  #planning: Sorted | undefined;
  /** Planned, and to be written next. */
  #planned: Turn | undefined;
  /** Being written. */
  #turn: Turn | undefined;
  #down = false;

  constructor(id: WorkspaceId, state: WorkspaceState, edge: Edge) {
    this.id = id;
    this.#state = state;
    this.#wholes = new Wholes(state.strategy);
    this.#edge = edge;
  }

  get state(): WorkspaceState {
    return this.#state;
  }

  get strategy(): Strategy {
    return this.#state.strategy;
  }

  get wholes(): Wholes {
    return this.#wholes;
  }

  /** Nothing is waiting or under way. */
  get isIdle(): boolean {
    return [this.#planning, this.#planned, this.#turn].every((one) => one === undefined) && this.#waiting.length === 0;
  }

  /** A write has failed: what is on disk may differ from what is in memory until `resume`. */
  get isDown(): boolean {
    return this.#down;
  }

  /** Goes on from what is on disk after a failed write, and tells everyone what that write did if it happened after all. */
  resume(state: WorkspaceState): void {
    const before = this.#state.strategy.heads();
    this.#state = state;
    this.#wholes = new Wholes(state.strategy);
    this.#down = false;
    const changed = state.strategy.since(before) ?? [...state.strategy.view()];
    if (changed.length === 0) return;
    const events = changed.map(eventText);
    this.#edge.broadcaster.announce(this.id, undefined, {
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
    this.#edge.schedule(this);
  }

  takeTurn(): Write | undefined {
    if (this.#planning !== undefined) return undefined; // asks for a turn again when it is planned
    this.#turn = this.#planned ?? this.#plan();
    this.#planned = undefined;
    return this.#turn?.write;
  }

  turnCommitted(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#turn = undefined;
    if (turn.write !== undefined) {
      this.#state.advanced(turn.write);
      this.#state.strategy.commit(turn.plan, turn.ops, turn.write.position);
      this.#announce(turn);
      const { tailWeight, snapshot } = this.#state;
      if (tailWeight > Math.max(this.#edge.compactFromBytes, (snapshot?.state.bytes ?? 0) / 2))
        this.#edge.compact(this);
    }
    for (const settle of turn.refused) settle();
    // What came while a plan was made on a worker thread asked for a turn in vain.
    if (this.#waiting.length > 0) this.#edge.schedule(this);
  }

  turnFailed(): void {
    this.#down = true;
    const turns = [this.#turn, this.#planned].filter((turn) => turn !== undefined);
    this.#turn = undefined;
    this.#planned = undefined;
    for (const turn of turns) settleUnavailable(turn);
    for (const { settle } of this.#waiting) settle(UNAVAILABLE);
    this.#waiting = [];
  }

  /** What is waiting as a turn; undefined where its plan is still being made. */
  #plan(): Turn | undefined {
    const sorted = this.#sort(this.#waiting, this.#edge.now());
    this.#waiting = [];
    const { strategy } = this.#state;
    const plan = strategy.plan(sorted.ops, sorted.time);
    if (!(plan instanceof Promise)) return this.#turnOf(sorted, plan);
    this.#planning = sorted;
    void plan.then((made) => {
      this.#planning = undefined;
      // A failed write in between has brought the workspace back to what is on disk.
      if (this.#down || this.#state.strategy !== strategy) settleUnavailable(sorted);
      else this.#planned = this.#turnOf(sorted, made);
      this.#edge.schedule(this);
    });
    return undefined;
  }

  #turnOf(sorted: Sorted, plan: Plan): Turn {
    if (sorted.accepted.length === 0) return { ...sorted, plan, write: undefined };
    const envelope = encodeEnvelope({
      kind: this.#state.strategy.name,
      epoch: EPOCH,
      time: sorted.time,
      data: plan.data,
      ops: envelopeOps(sorted, plan),
    });
    const position = this.#state.position + 1;
    return { ...sorted, plan, write: { kind: 'record', workspace: this.id, position, envelope } };
  }

  /** Leaves out resends, and brings together what each origin sent, so that one frame can carry it in commit order. */
  #sort(waiting: readonly Submission[], now: number): Sorted {
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
    return { accepted, refused, ops, time: now };
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
        this.#edge.broadcaster.announce(this.id, receiver, {
          singles: () => events.map((event) => opFrame(event, user)),
          batch: () => opsFrame(events, user, plan.heads),
        });
      }
      for (const { settle } of group) settle({ ok: true, heads: plan.heads });
      first.origin?.flushAcks();
    }
  }
}

function settleUnavailable({ accepted, refused }: Sorted): void {
  for (const { settle } of accepted) settle(UNAVAILABLE);
  for (const settle of refused) settle();
}

function envelopeOps({ accepted }: Sorted, plan: Plan): EnvelopeOp[] {
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
