import { isDeepStrictEqual } from 'node:util';
import type { Durability, WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import { TokenBucket } from '../limits/token-bucket.ts';
import { StreamUnavailableError } from '../replication/stream.ts';
import { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { Author, Strategy } from '../strategy/strategy.ts';
import { UnreadableError } from '../strategy/unreadable-error.ts';
import type { Absorption } from './absorption.ts';
import { planDeletion, planSettings } from './control.ts';
import { Core, PATIENCE_MS, type ReplicatedCore } from './core.ts';
import type { WorkspaceEdge } from './edge.ts';
import { Intake } from './intake.ts';
import { Merging } from './merging.ts';
import { Order } from './order.ts';
import type { Mark } from './replica/checkpoint.ts';
import { Replica } from './replica/replica.ts';
import type { Source } from './state/source.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import { StepMaker } from './step-maker.ts';
import type { Stored } from './stored.ts';
import { Transitions } from './transitions.ts';
import type { Step } from './turn/step.ts';
import { type Outcome, type Submission, UNAVAILABLE } from './turn/submission.ts';
import { NotCommittedError, Turns } from './turn/turns.ts';
import { Upkeep } from './upkeep.ts';
import type { Wholes } from './whole.ts';

/** So many messages wait for the stream where it gives the order. */
const MAX_WAITING = 10_000;

/** The actor of one workspace: orders what its clients send, makes it durable, tells everyone. */
export class Workspace {
  readonly id: WorkspaceId;
  /** What all its clients together may send. */
  readonly rate: TokenBucket;
  readonly #core: Core;
  readonly #turns: Turns;
  readonly #stepMaker: StepMaker;
  readonly #transitions: Transitions;
  /** Made when it is needed: most workspaces never do. */
  #madeOrder: Order | undefined;
  #madeMerging: Merging | undefined;

  constructor(id: WorkspaceId, stored: Stored, edge: WorkspaceEdge) {
    this.id = id;
    this.rate = new TokenBucket(edge.limits.opsPerSecond, edge.limits.opsBurst, edge.now());
    this.#turns = new Turns(id, {
      schedule: () => this.#core.schedule(),
      nextStep: () => this.#nextStep(),
      isWaiting: () => this.#core.waiting.length > 0 || this.#core.replica?.inbox.isEmpty === false,
      wentDown: () => this.#core.refuseWaiting(),
      failed: edge.failed,
    });
    this.#core = new Core(id, stored.state, edge, this.#turns);
    this.#stepMaker = new StepMaker(this.#core);
    this.#transitions = new Transitions(this.#core, (one) => this.#replicate(one));
    this.#replicate(stored);
    edge.documents.used(this.#core);
  }

  get state(): WorkspaceState {
    return this.#core.state;
  }

  get strategy(): Strategy {
    return this.#core.strategy;
  }

  get wholes(): Wholes {
    return this.#core.wholes;
  }

  /** What an ack stands for. */
  get durability(): Durability {
    return this.#core.durability;
  }

  /** Nothing is waiting or under way. */
  get isIdle(): boolean {
    const { replica, waiting, deliveries } = this.#core;
    const isAtRest = this.#turns.isAtRest && !this.#turns.hasJobs;
    const isDone =
      replica === undefined || (replica.outbox.isEmpty && replica.inbox.isEmpty && !replica.inbox.isReading);
    return isAtRest && isDone && !this.#isUntidy && waiting.length === 0 && deliveries.isEmpty;
  }

  /** A write has failed: what is on disk may differ from what is in memory until `resume`. Or it cannot be read. */
  get isDown(): boolean {
    return this.#core.isDown;
  }

  /** The last message that this cluster published whose effect is here, or will be at once. */
  get mark(): Mark | undefined {
    return this.#core.replica?.mark;
  }

  /** The stream may lack something of what is here. */
  get isLost(): boolean {
    return this.#core.replica?.isLost === true;
  }

  /** As {@link isLost}; or something is on its way there, or has yet to be made durable. */
  get isUnpublished(): boolean {
    const { replica, waiting } = this.#core;
    const isInHand = waiting.length > 0 || this.#turns.hasJobs;
    return isInHand || this.isLost || replica?.outbox.isEmpty === false;
  }

  /**
   * Takes in what the stream has.
   * @throws StreamUnavailableError, MissingPayloadError
   */
  async catchUp(): Promise<void> {
    const { replica } = this.#core;
    replica?.resume();
    await replica?.inbox.catchUp();
    if (this.#turns.isDown) return;
    if (this.#core.replica?.inbox.isEmpty === false || !this.#turns.isAtRest) await this.#turns.quiet();
    const behind = this.#core.replica?.inbox.behind;
    if (behind !== undefined) throw behind;
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
    if ((this.mark?.sequence ?? 0) < sequence) await this.#core.replica?.inbox.catchUp();
    await this.#exclusively(async ({ replica, intake }) => {
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

  /** Does this between two steps, when all that is in memory is durable. @throws NotCommittedError, and what it throws */
  between<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const tried = async () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error); // the workspace goes on
        }
      };
      this.#turns.enqueue({ work: tried, refuse: reject });
    });
  }

  /** Resolves when the stream has the record at this position, and all before; false where that takes too long. */
  whenPublished(position: number): Promise<boolean> {
    return this.#core.replica?.outbox.whenPublished(position, PATIENCE_MS) ?? Promise.resolve(true);
  }

  /** Goes on from what is on disk after a failed write, and tells everyone what that write did if it happened after all. */
  resume(stored: Stored): void {
    const { state } = this.#core;
    state.isEnding = true; // a compaction of it must not go on
    this.#turns.resume();
    this.#transitions.became(stored.state, state.epoch, state.strategy);
    this.#core.replica?.close();
    this.#replicate(stored);
    this.#core.replica?.resume();
    this.#core.replica?.inbox.tryCatchUp();
    this.#core.schedule();
  }

  /** Writes down what has become so since, and does what could not be done; to be called from time to time. */
  tidy(): void {
    const { replica } = this.#core;
    if (replica?.inbox.behind !== undefined && replica.isConnected) replica.inbox.tryCatchUp();
    if (this.#isUntidy || replica?.inbox.isEmpty === false) this.#core.schedule();
  }

  /** Finds what it has missed without being told. */
  async audit(): Promise<void> {
    const { replica, edge } = this.#core;
    if (this.isDown || replica?.isConnected !== true) return;
    try {
      await replica.inbox.audit();
    } catch (error) {
      if (!(error instanceof StreamUnavailableError)) edge.failed(error);
    }
  }

  /** Nobody uses it any more: it takes in nothing, and writes nothing. */
  close(): void {
    this.#turns.end();
    this.#core.edge.documents.closed(this.#core);
    this.#core.replica?.close();
  }

  submit(submission: Submission): void {
    const { edge, waiting } = this.#core;
    const { replication } = edge;
    const isFull = replication !== undefined && (replication.budget.isExhausted || waiting.length >= MAX_WAITING);
    if (this.isDown || isFull) {
      submission.settle(UNAVAILABLE);
      return;
    }
    waiting.push(submission);
    this.#core.schedule();
  }

  /** Resolves when the settings are durable and in force. */
  configure(settings: WorkspaceSettings): Promise<Outcome> {
    const { home, now } = this.#core.edge;
    if (this.state.isUnreadable) return Promise.resolve(UNAVAILABLE);
    if (home === undefined) return this.#transitions.control((state) => planSettings(this.id, state, settings, now()));
    const isHere = () => isDeepStrictEqual(this.state.settings, settings);
    return this.#order.askHome(() => home.configure(this.id, settings), isHere);
  }

  /** Resolves when nothing is left of the workspace but that it was deleted; who is in it is sent away. */
  delete(): Promise<Outcome> {
    const { home, now } = this.#core.edge;
    if (home === undefined) return this.#transitions.control((state) => planDeletion(this.id, state, now()));
    const { epoch } = this.state;
    return this.#order.askHome(
      () => home.delete(this.id),
      () => this.state.epoch > epoch,
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

  /** Where it has turned out that it cannot be read, it goes down, and is quarantined. */
  checkReadable(): void {
    this.#core.checkReadable();
  }

  /** Calls this whenever something has become durable that changes the workspace. Gives what ends it. */
  watch(changed: () => void): () => void {
    const { watchers } = this.#core;
    watchers.add(changed);
    return () => watchers.delete(changed);
  }

  /**
   * The strategy, with the whole document; undefined where the workspace is none.
   * @throws UnreadableError where it cannot be made
   * @throws NotCommittedError, StreamUnavailableError
   */
  async whole(): Promise<AutomergeStrategy | undefined> {
    const { strategy, edge } = this.#core;
    if (!(strategy instanceof AutomergeStrategy)) return undefined;
    if (strategy.fault !== undefined) throw strategy.fault;
    if (this.state.isUnreadable) throw new UnreadableError('what is stored of it cannot be read');
    if (strategy.isComplete) {
      edge.documents.used(this.#core);
      return strategy;
    }
    await this.#turns.perform(() => this.#core.complete());
    return this.whole();
  }

  /** Takes in changes of a client's own document; those that are in already have no effect. Settled as `submit` does. */
  merge(changes: readonly Uint8Array[], author: Author): Promise<Outcome> {
    return new Promise((settle) => {
      const isFull = this.#core.edge.replication?.budget.isExhausted === true;
      if (this.isDown || isFull || this.strategy.name !== 'automerge') settle(UNAVAILABLE);
      else this.#merging.submit({ changes, author, settle });
    });
  }

  get #isUntidy(): boolean {
    return this.#core.replica?.isUntidy === true;
  }

  get #order(): Order {
    this.#madeOrder ??= new Order(this.#core, this.#stepMaker);
    return this.#madeOrder;
  }

  get #merging(): Merging {
    this.#madeMerging ??= new Merging(this.#core, this.#stepMaker);
    return this.#madeMerging;
  }

  #replicate({ checkpoint, unpublished, isMarked, state }: Stored): void {
    const { replication, historyWork, broadcaster, failed } = this.#core.edge;
    if (replication === undefined) return;
    const replica = new Replica(this.id, replication, checkpoint, isMarked, {
      arrived: () => {
        this.#madeOrder?.arrived();
        this.#core.schedule();
      },
      published: () => this.#core.deliver(),
      failed,
    });
    this.#core.replica = replica;
    this.#core.intake = new Intake(this.#core, replica, {
      broadcaster,
      historyWork,
      commit: (absorption) => this.#turns.commit(this.#stepMaker.of(absorption, undefined)),
      make: (transition) => this.#transitions.make(transition),
      failed,
    });
    replica.inbox.open();
    // It has grown without the stream, or the stream was lost and then this pod ended.
    if (checkpoint.marks.size === 0 && state.position > 0) replica.lose();
    else replica.publishAgain(unpublished);
  }

  #nextStep(): Step | undefined {
    const { replica, intake, waiting, state } = this.#core;
    const absorption = intake?.takeOrdinary();
    if (replica?.inbox.isEmpty === false) {
      // What stopped it is taken with the workspace standing still.
      this.#turns.enqueue({ work: async () => void (await this.#core.intake?.takeAll()), refuse: () => undefined });
      return absorption && this.#stepMaker.of(absorption, undefined);
    }
    if (waiting.length > 0 && this.#core.isLinearised) return this.#linearise(absorption);
    if (waiting.length > 0) return this.#stepMaker.next(absorption);
    if (absorption !== undefined) return this.#stepMaker.of(absorption, undefined);
    const writes = this.#isUntidy ? replica?.writes(state.position, false) : undefined;
    return writes && { writes, committed: () => undefined, failed: () => undefined };
  }

  /** What is waiting gets its order elsewhere; meanwhile what has come in is written. */
  #linearise(absorption: Absorption | undefined): Step | undefined {
    const { home } = this.#core.edge;
    const work = home === undefined ? () => this.#order.linearise() : () => this.#order.forward(home);
    this.#turns.enqueue({ work, refuse: () => undefined });
    return absorption && this.#stepMaker.of(absorption, undefined);
  }

  #exclusively(work: (core: ReplicatedCore) => Promise<void>): Promise<void> {
    return this.#turns.perform(async () => {
      if (this.#core.isReplicated()) await work(this.#core);
    });
  }

  #kept(work: (upkeep: Upkeep) => Promise<void>): Promise<void> {
    return this.#exclusively((core) => work(new Upkeep(core, () => this.#transitions.startOver())));
  }
}
