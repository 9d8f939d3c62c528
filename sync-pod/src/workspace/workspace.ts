import { CLOSE, type WorkspaceId, type WorkspaceSettings } from '@etherply/protocol';
import { TokenBucket } from '../limits/token-bucket.ts';
import type { Committer } from '../storage/commit-loop.ts';
import type { Write } from '../storage/shard.ts';
import type { Plan, Strategy } from '../strategy/strategy.ts';
import { announcementOf, announceTurn, SYSTEM_USER } from './announcement.ts';
import type { Broadcaster } from './broadcaster.ts';
import { type Control, type ControlRequest, planDeletion, planSettings } from './control.ts';
import { encodeEnvelope } from './envelope.ts';
import type { WorkspaceQuota } from './quota.ts';
import { type Outcome, type Submission, UNAVAILABLE } from './submission.ts';
import { envelopeOps, type Sorted, settleUnavailable, sortSubmissions, type Turn } from './turn.ts';
import { Wholes } from './whole.ts';
import type { WorkspaceState } from './workspace-state.ts';

/** What one workspace may take. */
export interface WorkspaceLimits extends WorkspaceQuota {
  /** Infinite: no limit. */
  readonly opsPerSecond: number;
  /** At once, after a rest. */
  readonly opsBurst: number;
}

/** What a commit did. */
export interface Update {
  /** How many ops had an effect. */
  readonly ops: number;
  readonly heads: readonly string[];
  /** Who sent them; some more than once. */
  readonly users: Iterable<string>;
}

/** What a workspace needs of those around it. */
interface Edge {
  readonly broadcaster: Broadcaster;
  /** Told of each commit that had an effect, where somebody wants to know. */
  readonly updated: ((workspace: WorkspaceId, update: Update) => void) | undefined;
  /** Something that should not happen has happened to it. */
  readonly failed: (workspace: WorkspaceId, error: unknown) => void;
  /** Asks for a turn of the commit loop. */
  readonly schedule: (workspace: Workspace) => void;
  /** So much has been written since the last snapshot that it is time for another. */
  readonly compact: (workspace: Workspace) => void;
  /** Bytes of log from which on there is a snapshot. */
  readonly compactFromBytes: number;
  readonly limits: WorkspaceLimits;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The actor of one workspace: orders what its clients send, makes it durable, tells everyone. */
export class Workspace implements Committer {
  readonly id: WorkspaceId;
  /** What all its clients together may send. */
  readonly rate: TokenBucket;
  #state: WorkspaceState;
  #wholes: Wholes;
  readonly #edge: Edge;
  #waiting: Submission[] = [];
  /** What an admin wants; goes before what clients send. */
  #controls: ControlRequest[] = [];
  /** Sorted, while their plan is made on a worker thread. */
  #planning: Sorted | undefined;
  /** Planned, and to be written next. */
  #planned: Turn | undefined;
  /** Being written. */
  #turn: Turn | Control | undefined;
  #down = false;

  constructor(id: WorkspaceId, state: WorkspaceState, edge: Edge) {
    this.id = id;
    this.rate = new TokenBucket(edge.limits.opsPerSecond, edge.limits.opsBurst, edge.now());
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
    const underWay = [this.#planning, this.#planned, this.#turn].some((one) => one !== undefined);
    return !underWay && this.#waiting.length === 0 && this.#controls.length === 0;
  }

  /** A write has failed: what is on disk may differ from what is in memory until `resume`. */
  get isDown(): boolean {
    return this.#down;
  }

  /** Goes on from what is on disk after a failed write, and tells everyone what that write did if it happened after all. */
  resume(state: WorkspaceState): void {
    const before = this.#state;
    before.isEnding = true; // a compaction of it must not go on
    this.#replaceState(state);
    this.#down = false;
    if (before.epoch !== state.epoch || before.strategy.name !== state.strategy.name) {
      this.#dismissAll(before.epoch);
      return;
    }
    const changed = state.strategy.since(before.strategy.heads()) ?? [...state.strategy.view()];
    if (changed.length === 0) return;
    const announcement = announcementOf(changed, SYSTEM_USER, state.strategy.heads());
    this.#edge.broadcaster.announce(this.id, undefined, announcement);
  }

  submit(submission: Submission): void {
    if (this.#down) {
      submission.settle(UNAVAILABLE);
      return;
    }
    this.#waiting.push(submission);
    this.#edge.schedule(this);
  }

  /** Resolves when the settings are durable and in force. */
  configure(settings: WorkspaceSettings): Promise<Outcome> {
    return this.#control((state) => planSettings(this.id, state, settings, this.#edge.now()));
  }

  /** Resolves when nothing is left of the workspace but that it was deleted; who is in it is sent away. */
  delete(): Promise<Outcome> {
    return this.#control((state) => planDeletion(this.id, state));
  }

  turnBroken(error: unknown): void {
    this.#edge.failed(this.id, error);
    this.turnFailed();
  }

  takeTurn(): Write | undefined {
    if (this.#planning !== undefined) return undefined; // asks for a turn again when it is planned
    this.#turn = this.#planned ?? this.#nextControl() ?? this.#plan();
    this.#planned = undefined;
    return this.#turn?.write;
  }

  turnCommitted(): void {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn === undefined) return;
    if ('settle' in turn) this.#controlCommitted(turn);
    else this.#opsCommitted(turn);
    // What came while a plan was made on a worker thread, or stands behind a control, asked for a turn in vain.
    if (this.#waiting.length > 0 || this.#controls.length > 0) this.#edge.schedule(this);
  }

  turnFailed(): void {
    this.#down = true;
    for (const turn of [this.#turn, this.#planned]) {
      if (turn === undefined) continue;
      if ('settle' in turn) turn.settle(UNAVAILABLE);
      else settleUnavailable(turn);
    }
    this.#turn = undefined;
    this.#planned = undefined;
    for (const { settle } of [...this.#waiting, ...this.#controls]) settle(UNAVAILABLE);
    this.#waiting = [];
    this.#controls = [];
  }

  #opsCommitted(turn: Turn): void {
    const state = this.#state;
    const before = state.strategy.heads();
    if (turn.write !== undefined) {
      state.advanced(turn.write);
      state.strategy.commit(turn.plan, turn.ops, turn.write.position);
    }
    const ops = announceTurn(turn, this.id, state.strategy, this.#edge.broadcaster, before);
    for (const settle of turn.refused) settle();
    // Before what came since: now it is known whether the first is in.
    if (turn.deferred.length > 0) this.#waiting = [...turn.deferred, ...this.#waiting];
    if (ops > 0) this.#edge.updated?.(this.id, { ops, heads: turn.plan.heads, users: usersOf(turn) });
    const enough = Math.max(this.#edge.compactFromBytes, (state.snapshot?.state.bytes ?? 0) / 2);
    if (state.tailWeight > enough) this.#edge.compact(this);
  }

  #controlCommitted({ apply, settle }: Control): void {
    const before = this.#state;
    const { strategy } = before;
    const next = apply();
    if (next !== before || next.strategy !== strategy) {
      this.#replaceState(next);
      this.#dismissAll(before.epoch);
      // They were sent to what is no more.
      for (const submission of this.#waiting.splice(0)) submission.settle(UNAVAILABLE);
    }
    settle({ ok: true, heads: this.strategy.heads() });
  }

  /** Who is connected has the state of another strategy, or of what has been deleted. */
  #dismissAll(epochBefore: number): void {
    if (epochBefore !== this.#state.epoch) {
      this.#edge.broadcaster.dismiss(this.id, CLOSE.deleted, 'the workspace has been deleted');
    } else {
      this.#edge.broadcaster.dismiss(this.id, CLOSE.restart, JSON.stringify({ retry_after_ms: 0 }));
    }
  }

  #replaceState(state: WorkspaceState): void {
    this.#state = state;
    this.#wholes = new Wholes(state.strategy);
  }

  #control(plan: ControlRequest['plan']): Promise<Outcome> {
    return new Promise((settle) => {
      if (this.#down) {
        settle(UNAVAILABLE);
        return;
      }
      this.#controls.push({ plan, settle });
      this.#edge.schedule(this);
    });
  }

  #nextControl(): Control | undefined {
    for (let request = this.#controls.shift(); request !== undefined; request = this.#controls.shift()) {
      const planned = request.plan(this.#state);
      if ('write' in planned) return { ...planned, settle: request.settle };
      request.settle(planned);
    }
    return undefined;
  }

  /** What is waiting as a turn; undefined where its plan is still being made. */
  #plan(): Turn | undefined {
    const sorted = sortSubmissions(this.#waiting, this.#state, this.#edge.limits, this.#edge.now());
    this.#waiting = [];
    const { strategy } = this.#state;
    const plan = strategy.plan(sorted.accepted, sorted.time);
    if (!(plan instanceof Promise)) return this.#turnOf(sorted, plan);
    this.#planLater(sorted, plan, strategy);
    return undefined;
  }

  #planLater(sorted: Sorted, plan: Promise<Plan>, strategy: Strategy): void {
    this.#planning = sorted;
    void plan
      .then(
        (made) => {
          this.#planning = undefined;
          // A failed write in between has brought the workspace back to what is on disk.
          if (this.#down || this.#state.strategy !== strategy) settleUnavailable(sorted);
          else this.#planned = this.#turnOf(sorted, made);
        },
        (error: unknown) => {
          this.#planning = undefined;
          this.#edge.failed(this.id, error);
          settleUnavailable(sorted);
        },
      )
      .finally(() => this.#edge.schedule(this));
  }

  #turnOf(sorted: Sorted, plan: Plan): Turn {
    const ops = envelopeOps(sorted, plan, this.#state);
    if (ops.length === 0) return { ...sorted, plan, write: undefined };
    const { strategy, epoch, position } = this.#state;
    const envelope = encodeEnvelope({ kind: strategy.name, epoch, time: sorted.time, data: plan.data, ops });
    return { ...sorted, plan, write: { kind: 'record', workspace: this.id, position: position + 1, envelope } };
  }
}

function* usersOf({ accepted, plan }: Turn): Iterable<string> {
  for (const [index, { author }] of accepted.entries()) if (!plan.refusals.has(index)) yield author.userId;
}
