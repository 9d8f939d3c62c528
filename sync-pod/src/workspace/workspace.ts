import { isDeepStrictEqual } from 'node:util';
import { CLOSE, type Durability, type WorkspaceId, type WorkspaceSettings } from '@etherply/protocol';
import { TokenBucket } from '../limits/token-bucket.ts';
import { StreamUnavailableError } from '../replication/stream.ts';
import type { Committer } from '../storage/commit-loop.ts';
import type { LogEntry, Write } from '../storage/shard.ts';
import { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { HistoryWork } from '../strategy/history.ts';
import type { Author, Plan, Strategy } from '../strategy/strategy.ts';
import { UnreadableError } from '../strategy/unreadable-error.ts';
import type { Absorption } from './absorption.ts';
import { type PlanControl, planDeletion, planSettings } from './control.ts';
import type { DocumentHolder, Documents } from './documents.ts';
import type { Home } from './home/home.ts';
import { Intake } from './intake.ts';
import { type Contribution, Merging } from './merging.ts';
import { Order } from './order.ts';
import { type Checkpoint, type Mark, NO_CHECKPOINT } from './replica/checkpoint.ts';
import { Replica, type Replication } from './replica/replica.ts';
import type { Change } from './state/change.ts';
import { encodeEnvelope } from './state/envelope.ts';
import type { Source } from './state/source.ts';
import { SYSTEM_USER } from './state/system-user.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import { announceTurn } from './turn/announce-turn.ts';
import { announcementOf } from './turn/announcement.ts';
import type { Broadcaster } from './turn/broadcaster.ts';
import { Deliveries } from './turn/delivery.ts';
import type { WorkspaceQuota } from './turn/quota.ts';
import type { Step } from './turn/step.ts';
import { type Outcome, type Submission, UNAVAILABLE } from './turn/submission.ts';
import { envelopeOps, rememberOps, type Sorted, settleUnavailable, sortSubmissions, type Turn } from './turn/turn.ts';
import { NotCommittedError, Turns } from './turn/turns.ts';
import { PATIENCE_MS, Upkeep } from './upkeep.ts';
import { Wholes } from './whole.ts';

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

/** A workspace as it is on disk. */
export interface Stored {
  readonly state: WorkspaceState;
  readonly checkpoint: Checkpoint;
  /** The records that the stream may not have. */
  readonly unpublished: readonly LogEntry[];
  /** Whether it says there that the stream may lack something. */
  readonly isMarked: boolean;
}

/** What a workspace needs of those around it. */
interface Edge {
  readonly broadcaster: Broadcaster;
  /** Told of each commit of this pod that had an effect, where somebody wants to know. */
  readonly updated: ((workspace: WorkspaceId, update: Update) => void) | undefined;
  /** It has been deleted, here or elsewhere. */
  readonly deleted: (workspace: WorkspaceId) => void;
  /** Something that should not happen has happened to it. */
  readonly failed: (workspace: WorkspaceId, error: unknown) => void;
  /** Asks for a turn of the commit loop. */
  readonly schedule: (workspace: Workspace) => void;
  /** So much has been written since the last snapshot that it is time for another. */
  readonly compact: (workspace: Workspace) => void;
  /** So much has been published since the last message that stands for all that it is time for another. */
  readonly rollUp: (workspace: Workspace) => void;
  /** Bounds what whole documents take. */
  readonly documents: Documents;
  /** Bytes of log from which on there is a snapshot. */
  readonly compactFromBytes: number;
  readonly limits: WorkspaceLimits;
  readonly historyWork: HistoryWork;
  /** Where other pods have it, too. */
  readonly replication: Replication | undefined;
  /** Another region that gives workspaces their order. */
  readonly home: Home | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** So many messages wait for the stream where it gives the order. */
const MAX_WAITING = 10_000;

/** So many that bring changes have them taken in at once. */
const MERGED_AT_ONCE = 64;

/** The actor of one workspace: orders what its clients send, makes it durable, tells everyone. */
export class Workspace implements Committer, DocumentHolder {
  readonly id: WorkspaceId;
  /** What all its clients together may send. */
  readonly rate: TokenBucket;
  readonly #edge: Edge;
  readonly #deliveries = new Deliveries();
  #state: WorkspaceState;
  #wholes: Wholes;
  #replica: Replica | undefined;
  #intake: Intake | undefined;
  #waiting: Submission[] = [];
  #contributions: Contribution[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #turns: Turns;
  /** Made when it is needed: most workspaces never do. */
  #madeOrder: Order | undefined;
  #madeMerging: Merging | undefined;

  constructor(id: WorkspaceId, stored: Stored, edge: Edge) {
    this.id = id;
    this.rate = new TokenBucket(edge.limits.opsPerSecond, edge.limits.opsBurst, edge.now());
    this.#state = stored.state;
    this.#wholes = new Wholes(stored.state.strategy);
    this.#edge = edge;
    this.#turns = new Turns(id, {
      schedule: () => edge.schedule(this),
      nextStep: () => this.#nextStep(),
      isWaiting: () => this.#waiting.length > 0 || this.#replica?.inbox.isEmpty === false,
      wentDown: () => this.#refuseWaiting(),
      failed: (error) => edge.failed(id, error),
    });
    this.#replicate(stored);
    edge.documents.used(this);
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

  /** What an ack stands for. */
  get durability(): Durability {
    const { replication } = this.#edge;
    if (replication === undefined) return 'local';
    return this.#isLinearised ? 'replicated' : replication.ack;
  }

  /** Nothing is waiting or under way. */
  get isIdle(): boolean {
    const isAtRest = this.#turns.isAtRest && !this.#turns.hasJobs;
    const isDone = this.#replica === undefined || (this.#replica.outbox.isEmpty && this.#replica.inbox.isEmpty);
    return isAtRest && isDone && !this.#isUntidy && this.#waiting.length === 0 && this.#deliveries.isEmpty;
  }

  /** A write has failed: what is on disk may differ from what is in memory until `resume`. Or it cannot be read. */
  get isDown(): boolean {
    return this.#turns.isDown || this.#state.isUnreadable;
  }

  /** The last message that this cluster published whose effect is here, or will be at once. */
  get mark(): Mark | undefined {
    return this.#replica?.mark;
  }

  /** The stream may lack something of what is here. */
  get isLost(): boolean {
    return this.#replica?.isLost === true;
  }

  /** As {@link isLost}; or something is on its way there, or has yet to be made durable. */
  get isUnpublished(): boolean {
    const isInHand = this.#waiting.length > 0 || this.#turns.hasJobs;
    return isInHand || this.isLost || this.#replica?.outbox.isEmpty === false;
  }

  /**
   * Takes in what the stream has.
   * @throws StreamUnavailableError
   */
  async catchUp(): Promise<void> {
    this.#replica?.resume();
    await this.#replica?.inbox.catchUp();
    if (this.#turns.isDown || (this.#replica?.inbox.isEmpty !== false && this.#turns.isAtRest)) return;
    await this.#turns.quiet();
  }

  /**
   * Makes durable here what the stream has, at least up to the message that is known to be in it.
   * @param sequence its number
   * @returns the number up to which everything is durable
   * @throws StreamUnavailableError, NotCommittedError
   */
  async takeIn(sequence: number): Promise<number> {
    if (this.isDown) throw new NotCommittedError(this.id);
    let upTo = 0;
    // As a rule it has come in already.
    if ((this.mark?.sequence ?? 0) < sequence) await this.#replica?.inbox.catchUp();
    await this.#exclusively(async (replica, intake) => {
      await intake.takeAll();
      upTo = replica.mark?.sequence ?? 0;
    });
    return upTo;
  }

  /** The stream is not the one that it was: all that it has is to be taken in, and what is here is to be published. */
  forgetStream(): Promise<void> {
    return this.#kept((upkeep) => upkeep.forgetStream());
  }

  /**
   * Publishes all that is here for a pod that has nothing of it.
   * @param source what is on disk; nothing is removed from it meanwhile
   * @throws StreamUnavailableError where it is not surely in
   */
  publishCopy(source: Source): Promise<void> {
    return this.#kept((upkeep) => upkeep.publishCopy(source));
  }

  /** Resolves when the stream has the record at this position, and all before; false where that takes too long. */
  whenPublished(position: number): Promise<boolean> {
    return this.#replica?.outbox.whenPublished(position, PATIENCE_MS) ?? Promise.resolve(true);
  }

  /** Goes on from what is on disk after a failed write, and tells everyone what that write did if it happened after all. */
  resume(stored: Stored): void {
    this.#state.isEnding = true; // a compaction of it must not go on
    this.#turns.resume();
    this.#became(stored.state, this.#state.epoch, this.#state.strategy);
    this.#replica?.close();
    this.#replicate(stored);
    this.#replica?.resume();
    this.#replica?.inbox.tryCatchUp();
    this.#edge.schedule(this);
  }

  /** Writes down what has become so since, and does what could not be done; to be called from time to time. */
  tidy(): void {
    if (this.#replica?.inbox.isBehind === true && this.#replica.isConnected) this.#replica.inbox.tryCatchUp();
    if (this.#isUntidy || this.#replica?.inbox.isEmpty === false) this.#edge.schedule(this);
  }

  /** Finds what it has missed without being told. */
  async audit(): Promise<void> {
    if (this.isDown || this.#replica?.isConnected !== true) return;
    try {
      await this.#replica.inbox.audit();
    } catch (error) {
      if (!(error instanceof StreamUnavailableError)) this.#edge.failed(this.id, error);
    }
  }

  /** Nobody uses it any more. */
  close(): void {
    this.#edge.documents.closed(this);
    this.#replica?.close();
  }

  submit(submission: Submission): void {
    const { replication } = this.#edge;
    const isFull = replication !== undefined && (replication.budget.isExhausted || this.#waiting.length >= MAX_WAITING);
    if (this.isDown || isFull) {
      submission.settle(UNAVAILABLE);
      return;
    }
    this.#waiting.push(submission);
    this.#edge.schedule(this);
  }

  /** Resolves when the settings are durable and in force. */
  configure(settings: WorkspaceSettings): Promise<Outcome> {
    const { home } = this.#edge;
    if (this.#state.isUnreadable) return Promise.resolve(UNAVAILABLE);
    if (home === undefined) return this.#control((state) => planSettings(this.id, state, settings, this.#edge.now()));
    const isHere = () => isDeepStrictEqual(this.#state.settings, settings);
    return this.#controlAtHome(() => home.configure(this.id, settings), isHere);
  }

  /** Resolves when nothing is left of the workspace but that it was deleted; who is in it is sent away. */
  delete(): Promise<Outcome> {
    const { home } = this.#edge;
    if (home === undefined) return this.#control((state) => planDeletion(this.id, state, this.#edge.now()));
    const { epoch } = this.#state;
    return this.#controlAtHome(
      () => home.delete(this.id),
      () => this.#state.epoch > epoch,
    );
  }

  /**
   * Replaces the messages of the workspace in the stream by one, unless other pods keep writing, or have just done it.
   * @param source what is on disk; nothing is removed from it meanwhile
   */
  rollUp(source: Source): Promise<void> {
    return this.#kept((upkeep) => upkeep.rollUp(source));
  }

  /**
   * Publishes all that is here, because the stream may lack some of it.
   * @param source what is on disk; nothing is removed from it meanwhile
   */
  recover(source: Source): Promise<void> {
    return this.#kept((upkeep) => upkeep.recover(source));
  }

  get documentBytes(): number {
    return this.strategy instanceof AutomergeStrategy ? this.strategy.documentBytes : 0;
  }

  dropDocument(): void {
    this.#turns.enqueue({
      work: async () => {
        if (this.strategy instanceof AutomergeStrategy) this.strategy.dropDocument();
      },
      refuse: () => undefined, // what is down has its state read again
    });
  }

  /** Where it has turned out that it cannot be read, it goes down, and is quarantined. */
  checkReadable(): void {
    const { fault } = this.#state;
    if (fault !== undefined && !this.isDown) this.#turns.turnBroken(fault);
  }

  /** Calls this whenever something has become durable that changes the workspace. Gives what ends it. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  /**
   * The strategy, with the whole document; undefined where the workspace is none.
   * @throws UnreadableError where it cannot be made
   * @throws NotCommittedError, StreamUnavailableError
   */
  async whole(): Promise<AutomergeStrategy | undefined> {
    const { strategy } = this;
    if (!(strategy instanceof AutomergeStrategy)) return undefined;
    if (strategy.fault !== undefined) throw strategy.fault;
    if (this.#state.isUnreadable) throw new UnreadableError('what is stored of it cannot be read');
    if (strategy.isComplete) {
      this.#edge.documents.used(this);
      return strategy;
    }
    await new Promise<void>((resolve, reject) => {
      const work = async () => {
        await this.#merging.complete();
        resolve();
      };
      this.#turns.enqueue({ work, refuse: reject });
    });
    return this.whole();
  }

  /** Takes in changes of a client's own document; those that are in already have no effect. Settled as `submit` does. */
  merge(changes: readonly Uint8Array[], author: Author): Promise<Outcome> {
    return new Promise((settle) => {
      const isFull = this.#edge.replication?.budget.isExhausted === true;
      if (this.isDown || isFull || this.strategy.name !== 'automerge') {
        settle(UNAVAILABLE);
        return;
      }
      this.#contributions.push({ changes, author, settle });
      if (this.#contributions.length === 1) this.#mergeNext();
    });
  }

  /** All that wait by then are one step. */
  #mergeNext(): void {
    let taken: readonly Contribution[] = [];
    this.#turns.enqueue({
      work: async () => {
        taken = this.#contributions.splice(0, MERGED_AT_ONCE);
        if (this.#contributions.length > 0) this.#mergeNext();
        await this.#merging.merge(taken);
      },
      refuse: () => {
        const refused = taken.length > 0 ? taken : this.#contributions.splice(0);
        for (const { settle } of refused) settle(UNAVAILABLE);
      },
    });
  }

  takeTurn(): readonly Write[] | undefined {
    return this.#turns.takeTurn();
  }

  turnBroken(error: unknown): void {
    this.#turns.turnBroken(error);
  }

  turnCommitted(): void {
    this.#turns.turnCommitted();
  }

  turnFailed(): void {
    this.#turns.turnFailed();
  }

  get #isLinearised(): boolean {
    return this.#replica !== undefined && this.strategy.name === 'server-auth';
  }

  get #isUntidy(): boolean {
    return this.#replica?.isUntidy === true;
  }

  get #isRollupDue(): boolean {
    // There it would make nothing shorter.
    if (this.#replica?.streamForgets === true) return false;
    const tailBytes = this.#replica?.tailBytes ?? 0;
    return tailBytes > Math.max(this.#edge.compactFromBytes, (this.#state.snapshot?.state.bytes ?? 0) / 2);
  }

  #replicate({ checkpoint, unpublished, isMarked, state }: Stored): void {
    const { replication, historyWork } = this.#edge;
    if (replication === undefined) return;
    const failed = (error: unknown) => this.#edge.failed(this.id, error);
    const replica = new Replica(this.id, replication, checkpoint, isMarked, {
      arrived: () => {
        this.#madeOrder?.arrived();
        this.#edge.schedule(this);
      },
      published: () => this.#published(),
      failed,
    });
    this.#replica = replica;
    const workspace = this;
    const target = {
      id: this.id,
      replica,
      get state() {
        return workspace.#state;
      },
      commit: (absorption: Absorption) => this.#turns.commit(this.#stepOf(absorption, undefined)),
      change: (change: Change) => this.#change(change),
    };
    this.#intake = new Intake(target, this.#edge.broadcaster, historyWork, failed);
    replica.inbox.open();
    // It has grown without the stream, or the stream was lost and then this pod ended.
    if (checkpoint.marks.size === 0 && state.position > 0) replica.lose();
    else replica.publishAgain(unpublished);
  }

  #nextStep(): Step | undefined {
    const absorption = this.#intake?.takeOrdinary();
    if (this.#replica?.inbox.isEmpty === false) {
      // What stopped it is taken with the workspace standing still.
      this.#turns.enqueue({ work: async () => void (await this.#intake?.takeAll()), refuse: () => undefined });
      return absorption && this.#stepOf(absorption, undefined);
    }
    if (this.#waiting.length > 0) return this.#plan(absorption);
    if (absorption !== undefined) return this.#stepOf(absorption, undefined);
    const writes = this.#isUntidy ? this.#replica?.writes(this.#state.position, false) : undefined;
    return writes && { writes, committed: () => undefined, failed: () => undefined };
  }

  /** What is waiting, after what has come in; undefined where a job goes on with it. */
  #plan(absorption: Absorption | undefined): Step | undefined {
    if (this.#isLinearised) {
      const { home } = this.#edge;
      const work = home === undefined ? () => this.#order.linearise() : () => this.#order.forward(home);
      this.#turns.enqueue({ work, refuse: () => undefined });
      return absorption && this.#stepOf(absorption, undefined);
    }
    const sorted = this.#sort(this.#waiting.splice(0));
    const plan = this.#planOf(sorted);
    const position = absorption?.position ?? this.#state.position;
    if (!(plan instanceof Promise)) return this.#stepOf(absorption, this.#turnOf(sorted, plan, position));
    void this.#turns.run({
      work: async () => {
        let turn: Turn | undefined;
        try {
          turn = this.#turnOf(sorted, await plan, position);
        } catch (error) {
          this.#edge.failed(this.id, error);
          settleUnavailable(sorted);
        }
        await this.#turns.commit(this.#stepOf(absorption, turn));
      },
      refuse: () => undefined, // the step has told its senders
    });
    return undefined;
  }

  #planOf(sorted: Sorted): Plan | Promise<Plan> {
    try {
      return this.strategy.plan(sorted.accepted, sorted.time);
    } catch (error) {
      settleUnavailable(sorted);
      throw error;
    }
  }

  get #order(): Order {
    const workspace = this;
    this.#madeOrder ??= new Order({
      id: this.id,
      get strategy() {
        return workspace.strategy;
      },
      get replica() {
        return workspace.#replica;
      },
      get intake() {
        return workspace.#intake;
      },
      take: (most) => this.#waiting.splice(0, most),
      plan: async (submissions) => {
        const sorted = this.#sort(submissions);
        const plan = await this.strategy.plan(sorted.accepted, sorted.time);
        return this.#turnOf(sorted, plan, this.#state.position);
      },
      commit: (turn) => this.#turns.commit(this.#linearisedStep(turn)),
    });
    return this.#madeOrder;
  }

  #sort(submissions: readonly Submission[]): Sorted {
    return sortSubmissions(submissions, this.#state, this.#edge.limits, this.#edge.now());
  }

  #turnOf(sorted: Sorted, plan: Plan, position: number): Turn {
    const ops = envelopeOps(sorted, plan);
    if (ops.length === 0) return { ...sorted, plan, envelopeOps: ops, write: undefined };
    const { strategy, epoch } = this.#state;
    const envelope = encodeEnvelope({ kind: strategy.name, epoch, time: sorted.time, data: plan.data, ops });
    const write = { kind: 'record', workspace: this.id, position: position + 1, envelope } as const;
    return { ...sorted, plan, envelopeOps: ops, write };
  }

  /** What came in, and what was planned after it. */
  #stepOf(absorption: Absorption | undefined, turn: Turn | undefined): Step {
    absorption?.settle();
    const writes: Write[] = (absorption?.records ?? []).map((record) => ({ kind: 'record', ...record }));
    if (turn?.write !== undefined) writes.push(turn.write);
    if (writes.length > 0 && this.#replica !== undefined) {
      writes.push(...this.#replica.writes(absorption?.position ?? this.#state.position, turn?.write !== undefined));
    }
    return {
      writes,
      committed: () => {
        if (absorption !== undefined) this.#absorbed(absorption);
        if (turn === undefined) return;
        if (turn.write !== undefined) this.#replica?.publish(turn.write);
        this.#opsCommitted(turn);
      },
      failed: () => {
        if (turn !== undefined) settleUnavailable(turn);
      },
    };
  }

  /** The stream has it already. */
  #linearisedStep(turn: Turn): Step {
    const { write } = turn;
    const writes = write === undefined ? [] : [write, ...(this.#replica?.writes(write.position, false) ?? [])];
    return { writes, committed: () => this.#opsCommitted(turn), failed: () => settleUnavailable(turn) };
  }

  #absorbed(absorption: Absorption): void {
    for (const record of absorption.records) this.#state.advanced(record);
    this.#deliveries.add(0, true, () => {
      absorption.announce();
      this.#changed();
    });
    this.#compactWhereDue();
  }

  get #merging(): Merging {
    const workspace = this;
    this.#madeMerging ??= new Merging({
      id: this.id,
      get state() {
        return workspace.#state;
      },
      get replica() {
        return workspace.#replica;
      },
      get intake() {
        return workspace.#intake;
      },
      quota: this.#edge.limits,
      now: this.#edge.now,
      broadcaster: this.#edge.broadcaster,
      commit: (step) => this.#turns.commit(step),
      committed: (records, deliver) => this.#merged(records, deliver),
      announce: (absorption, users) => {
        absorption.announce();
        const { length } = absorption.records;
        this.#edge.updated?.(this.id, { ops: length, heads: this.strategy.heads(), users });
        this.#changed();
      },
    });
    return this.#madeMerging;
  }

  #merged(records: readonly LogEntry[], deliver: () => void): void {
    for (const record of records) {
      this.#state.advanced(record);
      this.#replica?.publish(record);
    }
    const { position } = this.#state;
    const isDue = this.durability === 'local' || this.#replica?.outbox.isPublished(position) === true;
    this.#deliveries.add(position, isDue, deliver);
    this.#compactWhereDue();
    if (this.#isRollupDue) this.#edge.rollUp(this);
  }

  #changed(): void {
    this.checkReadable();
    this.#edge.documents.used(this);
    for (const changed of this.#watchers) changed();
  }

  #opsCommitted(turn: Turn): void {
    const { strategy, memory } = this.#state;
    const before = strategy.heads();
    if (turn.write !== undefined) {
      this.#state.advanced(turn.write);
      strategy.commit(turn.plan, turn.ops, turn.write.position);
      rememberOps(turn, memory);
    }
    const { position } = this.#state;
    const isDue = this.durability === 'local' || this.#replica?.outbox.isPublished(position) === true;
    this.#deliveries.add(position, isDue, () => this.#deliver(turn, strategy, before));
    // Before what came since: now it is known whether the first is in.
    if (turn.deferred.length > 0) this.#waiting.unshift(...turn.deferred);
    this.#compactWhereDue();
    if (this.#isRollupDue) this.#edge.rollUp(this);
  }

  #deliver(turn: Turn, strategy: Strategy, before: readonly string[]): void {
    const ops = announceTurn(turn, this.id, strategy, this.#edge.broadcaster, before);
    for (const settle of turn.refused) settle();
    if (ops > 0) this.#changed();
    if (ops > 0) this.#edge.updated?.(this.id, { ops, heads: turn.plan.heads, users: usersOf(turn) });
  }

  #published(): void {
    this.#deliveries.flush((position) => this.#replica?.outbox.isPublished(position) !== false);
  }

  #compactWhereDue(): void {
    const enough = Math.max(this.#edge.compactFromBytes, (this.#state.snapshot?.state.bytes ?? 0) / 2);
    if (this.#state.tailWeight > enough) this.#edge.compact(this);
  }

  #control(plan: PlanControl): Promise<Outcome> {
    return new Promise((settle) => {
      if (this.#turns.isDown || this.#replica?.isConnected === false) {
        settle(UNAVAILABLE);
        return;
      }
      this.#turns.enqueue({ work: async () => settle(await this.#carryOut(plan)), refuse: () => settle(UNAVAILABLE) });
    });
  }

  #controlAtHome(ask: () => Promise<Outcome>, isHere: () => boolean): Promise<Outcome> {
    return new Promise((settle) => {
      const work = async () => {
        const outcome = await ask();
        if (outcome.ok) await this.#order.arrival(isHere);
        settle(outcome);
      };
      this.#turns.enqueue({ work, refuse: () => settle(UNAVAILABLE) });
    });
  }

  async #carryOut(plan: PlanControl): Promise<Outcome> {
    for (;;) {
      await this.#intake?.takeAll();
      const control = plan(this.#state);
      if ('ok' in control) return control;
      const { change, message, rollup } = control;
      if (this.#replica === undefined || (await this.#replica.publishNext(message, rollup, PATIENCE_MS))) {
        await this.#change(change);
        return { ok: true, heads: this.strategy.heads() };
      }
    }
  }

  #change(change: Change): Promise<void> {
    return this.#turns.commit({
      writes: [...change.writes, ...(this.#replica?.writes(change.position, false) ?? [])],
      committed: () => {
        const { strategy, epoch } = this.#state;
        this.#became(change.apply(), epoch, strategy);
      },
    });
  }

  /** Tells everyone what is different now. */
  #became(state: WorkspaceState, epochBefore: number, before: Strategy): void {
    const { strategy } = state;
    this.#state = state;
    if (strategy === before) return;
    this.#wholes = new Wholes(strategy);
    this.#changed();
    if (state.epoch !== epochBefore || strategy.name !== before.name) {
      if (state.epoch !== epochBefore) {
        this.#replica?.outbox.clear();
        this.#edge.deleted(this.id);
      }
      this.#published();
      this.#dismissAll(state.epoch !== epochBefore);
      return;
    }
    const changed = strategy.since(before.heads()) ?? [...strategy.view()];
    if (changed.length === 0) return;
    this.#edge.broadcaster.announce(this.id, undefined, announcementOf(changed, SYSTEM_USER, strategy.heads()));
  }

  /** Who is connected has the state of another strategy, or of what has been deleted. */
  #dismissAll(isDeleted: boolean): void {
    const { broadcaster } = this.#edge;
    if (isDeleted) broadcaster.dismiss(this.id, CLOSE.deleted, 'the workspace has been deleted');
    else broadcaster.dismiss(this.id, CLOSE.restart, JSON.stringify({ retry_after_ms: 0 }));
    // They were sent to what is no more.
    this.#refuseWaiting();
  }

  /** Forgets what is here, and takes what the stream has, in the order in which that has it. */
  async #startOver(): Promise<void> {
    const before = this.#state;
    before.isEnding = true;
    const state = before.empty();
    const stored = { state, checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: true };
    await this.#turns.commit({
      writes: [{ kind: 'clearing', workspace: this.id }, ...(this.#replica?.writes(0, false) ?? [])],
      committed: () => {
        this.#state = state;
        this.#wholes = new Wholes(state.strategy);
        this.#replica?.close();
        this.#replicate(stored);
      },
    });
    await this.#replica?.inbox.catchUp();
    await this.#intake?.takeAll();
    this.#dismissAll(false);
  }

  #exclusively(work: (replica: Replica, intake: Intake) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#turns.enqueue({
        work: async () => {
          if (this.#replica !== undefined && this.#intake !== undefined) await work(this.#replica, this.#intake);
          resolve();
        },
        refuse: reject,
      });
    });
  }

  #kept(work: (upkeep: Upkeep) => Promise<void>): Promise<void> {
    return this.#exclusively((replica, intake) => {
      const workspace = this;
      return work(
        new Upkeep({
          id: this.id,
          get state() {
            return workspace.#state;
          },
          get replica() {
            return workspace.#replica ?? replica;
          },
          get intake() {
            return workspace.#intake ?? intake;
          },
          get isLinearised() {
            return workspace.#isLinearised;
          },
          get isRollupDue() {
            return workspace.#isRollupDue;
          },
          now: this.#edge.now,
          commit: (step) => this.#turns.commit(step),
          startOver: () => this.#startOver(),
        }),
      );
    });
  }

  #refuseWaiting(): void {
    for (const { settle } of this.#waiting.splice(0)) settle(UNAVAILABLE);
  }
}

function* usersOf({ accepted, plan }: Turn): Iterable<string> {
  for (const [index, { author }] of accepted.entries()) if (!plan.refusals.has(index)) yield author.userId;
}
