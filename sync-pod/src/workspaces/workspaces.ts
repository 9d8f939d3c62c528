import { CLOSE, type WorkspaceId, type WorkspaceSettings } from '@etherply/protocol';
import { StreamUnavailableError } from '../replication/stream.ts';
import { CommitLoop, type CommitObserver, type Committer } from '../storage/commit-loop.ts';
import { shardOf } from '../storage/placement.ts';
import type { LogEntry } from '../storage/shard.ts';
import { ShardDownError, SupervisedShard } from '../storage/supervised-shard.ts';
import type { HistoricRecord, HistoryWork, Page } from '../strategy/history.ts';
import { UnreadableError } from '../strategy/unreadable-error.ts';
import { Documents } from '../workspace/documents.ts';
import type { Home } from '../workspace/home/home.ts';
import { decodeCheckpoint, type Mark, NO_CHECKPOINT } from '../workspace/replica/checkpoint.ts';
import { laterOf } from '../workspace/replica/last-mark.ts';
import type { Replication } from '../workspace/replica/replica.ts';
import { encodeStreamFacts, NO_STREAM } from '../workspace/replica/stream-facts.ts';
import { Compaction, CompactionFailed } from '../workspace/state/compaction.ts';
import type { Source } from '../workspace/state/source.ts';
import { readHistory } from '../workspace/state/stored-history.ts';
import { type StateOptions, WorkspaceState } from '../workspace/state/workspace-state.ts';
import type { Broadcaster } from '../workspace/turn/broadcaster.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import { type Stored, type Update, Workspace, type WorkspaceLimits } from '../workspace/workspace.ts';
import { eachAtOnce } from './at-once.ts';
import { Audit } from './audit.ts';
import { IdleQueue } from './idle-queue.ts';
import { isPassingError } from './passing-error.ts';
import { Quarantine, QuarantinedError } from './quarantine.ts';
import { type OpenMarks, StreamCheck } from './stream-check.ts';
import { countUnpublished, type Unpublished } from './unpublished.ts';

interface Options {
  readonly dataDirs: readonly string[];
  /** How the state of a workspace that nobody has written to begins. */
  readonly state: Omit<StateOptions, 'sourceOf' | 'pack'>;
  readonly historyWork: HistoryWork;
  /** Where other pods have the same workspaces. */
  readonly replication: Replication | undefined;
  /** Where another region gives workspaces their order. */
  readonly home: Home | undefined;
  readonly limits: WorkspaceLimits;
  readonly broadcaster: Broadcaster;
  readonly observer: CommitObserver;
  readonly now: () => number;
  /** For how long a workspace that nobody uses stays open, in milliseconds. */
  readonly idleMs: number;
  /** How much those that nobody uses may hold in memory; the longest idle ones go before their time. */
  readonly maxIdleBytes: number;
  /** How much whole Automerge documents may take in memory, about. */
  readonly maxDocumentBytes: number;
  /** Bytes of log of a workspace from which on it is compacted. */
  readonly compactFromBytes: number;
  /** As `ETHERPLY_WRITE_BUFFER_BYTES`. */
  readonly writeBufferBytes: number;
  /** A commit had an effect; undefined where nobody wants to know. */
  readonly onUpdated: ((workspace: WorkspaceId, update: Update) => void) | undefined;
  readonly onCompacted: (workspace: WorkspaceId) => void;
  /** It cannot be read, and is kept apart. */
  readonly onQuarantined: (workspace: WorkspaceId, error: unknown) => void;
  /** Something that should not happen: it cannot be compacted, brought back, or planned. */
  readonly onFailed: (workspace: WorkspaceId, error: unknown) => void;
  readonly onShardDown: (error: Error) => void;
  readonly onShardUp: (index: number) => void;
}

/** What an open workspace holds besides its keys and values, about. */
const WORKSPACE_BYTES = 4096;

const MAX_HISTORY_WAITING = 16;
/** Of so many workspaces it is asked with each sweep whether they have missed something. */
const AUDITED = 500;
/** So many workspaces ask the stream at once what they have missed. */
const CAUGHT_UP_AT_ONCE = 32;
const RECOVERY_RETRY_MS = 1000;
/** So often a workspace is copied before the copy is given up. */
const COPY_TRIES = 10;
const COPY_RETRY_MS = 500;

/** It cannot be done now, because so much else is. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

interface ShardSlot {
  readonly shard: SupervisedShard;
  readonly loop: CommitLoop;
}

interface Slot {
  readonly opening: Promise<Workspace>;
  /** Once it is open. */
  workspace: Workspace | undefined;
  users: number;
  idleSince: number;
}

/** The workspaces of this pod: opens one when it is first used, and lets go of it when it has been idle for long enough. */
export class Workspaces {
  readonly #options: Options;
  readonly #shards: readonly ShardSlot[];
  readonly #open = new Map<WorkspaceId, Slot>();
  readonly #idle = new IdleQueue();
  readonly #sweeper: NodeJS.Timeout;
  readonly #underWay = new Set<string>();
  /** Those of which the stream lacks something, as far as they have been opened. */
  readonly #unrecovered = new Set<WorkspaceId>();
  readonly #quarantine: Quarantine;
  readonly #documents: Documents;
  #closing = false;
  #background: Promise<void> = Promise.resolve();
  #historyReads: Promise<unknown> = Promise.resolve();
  #historyWaiting = 0;
  readonly #check: StreamCheck | undefined;
  readonly #audit = new Audit(() => [...this.#open.values()].flatMap(({ workspace }) => workspace ?? []), AUDITED);

  private constructor(options: Options, shards: readonly ShardSlot[]) {
    this.#options = options;
    this.#shards = shards;
    this.#documents = new Documents(options.maxDocumentBytes);
    this.#quarantine = new Quarantine({ began: options.onQuarantined, now: options.now });
    const { replication } = options;
    this.#check =
      replication &&
      new StreamCheck(replication, {
        shards,
        openMarks: () => this.#openMarks(),
        recover: async (shard) => {
          await this.#eachCaughtUp(shard.workspaces(), replication.stream.forgets);
          await this.#recovered(shard);
        },
        isClosing: () => this.#closing,
      });
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(50, Math.min(options.idleMs / 4, 5000)));
    this.#sweeper.unref();
  }

  /** Opens every shard; the workspaces of one that cannot be opened are unavailable until it can. */
  static async start(options: Options): Promise<Workspaces> {
    const up: ((index: number) => void)[] = [];
    const shards = await Promise.all(
      options.dataDirs.map(async (dir, index): Promise<ShardSlot> => {
        const shard = await SupervisedShard.open(index, dir, options.writeBufferBytes, {
          down: (error) => options.onShardDown(error),
          up: () => {
            options.onShardUp(index);
            for (const listener of up) listener(index);
          },
        });
        return { shard, loop: new CommitLoop((writes) => shard.append(writes), options.observer) };
      }),
    );
    const workspaces = new Workspaces(options, shards);
    if (options.replication === undefined) {
      // What is written from now on no stream has: whatever stream comes next, all is compared with it.
      const forget = (slot: ShardSlot | undefined) =>
        slot?.loop.write([{ kind: 'stream', bytes: encodeStreamFacts(NO_STREAM) }]).catch(() => undefined); // it is down
      await Promise.all(shards.map(forget));
      up.push((index) => void forget(shards[index]));
    }
    up.push((index) => void workspaces.#resumeAll(index));
    return workspaces;
  }

  /** What keeps this pod from serving everything, one line a shard; empty when all is well. */
  problems(): string[] {
    const lacks = this.#options.replication?.lacks() ?? [];
    return [...this.#shards.flatMap(({ shard }) => shard.problem?.message ?? []), lacks].flat();
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** What whole Automerge documents take in memory, about. */
  get documentBytes(): number {
    return this.#documents.bytes;
  }

  /** Those that cannot be read, as far as they have been opened. */
  get quarantinedCount(): number {
    return this.#quarantine.count;
  }

  /**
   * Opens a workspace and keeps it open until `release` is called, once for each successful call of `acquire`.
   * @throws ShardDownError where its shard is down
   * @throws QuarantinedError where it cannot be read
   * @throws StreamUnavailableError where nobody can know yet whether all of it is here
   */
  acquire(id: WorkspaceId): Promise<Workspace> {
    const lacks = this.#options.replication?.lacks();
    return lacks === undefined ? this.#acquire(id) : Promise.reject(new StreamUnavailableError(lacks));
  }

  async #acquire(id: WorkspaceId): Promise<Workspace> {
    if (this.#quarantine.has(id) && (this.#open.has(id) || !this.#quarantine.isDue(id))) throw new QuarantinedError();
    const workspace = await this.#hold(id, () => this.#load(id));
    if (!this.#quarantine.has(id)) return workspace;
    this.release(id); // what came in while it was opened cannot be read
    throw new QuarantinedError();
  }

  /** As `acquire`, of one that is quarantined: it can be deleted, and takes nothing else. */
  async #acquireUnreadable(id: WorkspaceId): Promise<Workspace> {
    const workspace = await this.#hold(id, async () => this.#begin(id, await this.#outline(id)));
    try {
      await this.#strip(workspace);
    } catch (error) {
      this.release(id);
      throw error;
    }
    return workspace;
  }

  /** Counts one user more of a workspace, and opens it where nobody has yet. */
  async #hold(id: WorkspaceId, open: () => Promise<Workspace>): Promise<Workspace> {
    const slot = this.#open.get(id) ?? { opening: open(), workspace: undefined, users: 0, idleSince: 0 };
    this.#open.set(id, slot);
    slot.users += 1;
    this.#idle.delete(id);
    try {
      slot.workspace = await slot.opening;
    } catch (error) {
      if (this.#open.get(id) === slot) this.#open.delete(id);
      throw error;
    }
    return slot.workspace;
  }

  /** Leaves of a workspace that is quarantined what can be deleted, here or by another pod. */
  async #strip(workspace: Workspace): Promise<void> {
    const isToBe = () => this.#quarantine.has(workspace.id) && !workspace.state.isUnreadable;
    if (!isToBe()) return;
    const stored = await this.#outline(workspace.id);
    if (isToBe() && this.#open.get(workspace.id)?.workspace === workspace) workspace.resume(stored);
  }

  /** Keeps a workspace open for as long as `work` takes. @throws as `acquire` */
  async use<T>(id: WorkspaceId, work: (workspace: Workspace) => T | Promise<T>): Promise<T> {
    return this.#with(await this.acquire(id), work);
  }

  /** As `use`, for what the pod does by itself, also before it serves. */
  async #use<T>(id: WorkspaceId, work: (workspace: Workspace) => T | Promise<T>): Promise<T> {
    return this.#with(await this.#acquire(id), work);
  }

  async #with<T>(workspace: Workspace, work: (workspace: Workspace) => T | Promise<T>): Promise<T> {
    try {
      return await work(workspace);
    } finally {
      this.release(workspace.id);
    }
  }

  /** Gives back what one successful `acquire` has taken. */
  release(id: WorkspaceId): void {
    const slot = this.#open.get(id);
    if (slot === undefined) return;
    slot.users -= 1;
    if (slot.users > 0) return;
    slot.idleSince = this.#options.now();
    this.#idle.add(id, WORKSPACE_BYTES + (slot.workspace?.strategy.size.bytes ?? 0));
    for (const one of this.#idle.beyond(this.#options.maxIdleBytes)) this.#evict(one);
  }

  /** The commits of a workspace, newest first; null where `before` names none. @throws BusyError, ShardDownError */
  async history(id: WorkspaceId, page: Page, isWanted: () => boolean): Promise<HistoricRecord[] | null> {
    return this.#oneByOne(isWanted, async () => {
      const stored = await readHistory(id, this.#slotOf(id).shard);
      if (stored === undefined) return page.before === undefined ? [] : null;
      return this.#options.historyWork.page(stored.strategy, stored.history, page);
    });
  }

  /** The live keys of a workspace with their values' texts, as it was at `heads`; null where these are not known. */
  async stateAt(
    id: WorkspaceId,
    heads: readonly string[],
    isWanted: () => boolean,
  ): Promise<[key: string, json: string][] | null> {
    return this.#oneByOne(isWanted, async () => {
      const stored = await readHistory(id, this.#slotOf(id).shard);
      return stored === undefined ? null : this.#options.historyWork.stateAt(stored.strategy, stored.history, heads);
    });
  }

  /** As `Workspace.configure`. @throws ShardDownError */
  configure(id: WorkspaceId, settings: WorkspaceSettings): Promise<Outcome> {
    return this.use(id, (workspace) => workspace.configure(settings));
  }

  /** As `Workspace.delete`, also of one that cannot be read. @throws ShardDownError, StreamUnavailableError */
  async delete(id: WorkspaceId): Promise<Outcome> {
    try {
      return await this.use(id, (workspace) => workspace.delete());
    } catch (error) {
      if (!(error instanceof QuarantinedError)) throw error;
      return this.#with(await this.#acquireUnreadable(id), (workspace) => workspace.delete());
    }
  }

  /** The stream can be reached: every open workspace takes in what it missed, and those are opened that have something for it. */
  async connected(): Promise<void> {
    const { replication } = this.#options;
    // Where it forgets, what is here cannot be compared with what it has: first it must be known whether it is the same one.
    if (replication?.stream.forgets) await this.#check?.compare();
    const waiting = new Set<WorkspaceId>();
    for (const { shard } of this.#shards) {
      if (shard.problem !== undefined) continue;
      for (const id of await shard.unpublishedWorkspaces()) waiting.add(id);
    }
    for (const id of [...this.#open.keys()]) waiting.add(id);
    await this.#eachCaughtUp(waiting);
    await this.checkStream();
  }

  /**
   * Where the stream no longer has what it had, or a shard has never met it: each workspace that is stored here compares, and
   * publishes what is missing.
   */
  async checkStream(): Promise<void> {
    await this.#check?.run();
  }

  /** The stream cannot be reached, and may be another one when it can. */
  interrupted(): void {
    this.#check?.interrupted();
  }

  /** As `Workspace.takeIn`. @throws ShardDownError, too */
  takeIn(id: WorkspaceId, sequence: number): Promise<number> {
    this.#mustBeSame();
    return this.#use(id, (workspace) => workspace.takeIn(sequence));
  }

  /**
   * Publishes all that is here, for a pod that has nothing.
   * @throws StreamUnavailableError, NotCommittedError, ShardDownError where some of it may be missing
   */
  async publishCopy(): Promise<void> {
    for (const { shard } of this.#shards) {
      for await (const id of shard.workspaces()) {
        for (let tries = 1; !(await this.#isCopied(id, shard, tries === COPY_TRIES)); tries += 1) {
          await new Promise((resolve) => setTimeout(resolve, COPY_RETRY_MS).unref());
        }
      }
    }
  }

  /** False: others kept writing to it. */
  async #isCopied(id: WorkspaceId, source: Source, isLastTry: boolean): Promise<boolean> {
    this.#mustBeSame();
    try {
      await this.#use(id, (workspace) => this.#alone(() => workspace.publishCopy(source)));
      return true;
    } catch (error) {
      if (isLastTry || !(error instanceof StreamUnavailableError)) throw error;
      return false;
    }
  }

  /** Asks for a turn of the commit loop of the workspace's shard. */
  schedule(id: WorkspaceId, committer: Committer): void {
    this.#slotOf(id).loop.schedule(committer);
  }

  /** As `Shard.usage`. */
  usage(id: WorkspaceId, first: number, end: number): ReturnType<SupervisedShard['usage']> {
    return this.#slotOf(id).shard.usage(id, first, end);
  }

  /** Resolves when the stream has all that is durable here by now; false where that takes too long. */
  async published(): Promise<boolean> {
    const published = [...this.#open.values()].map(async ({ opening }) => {
      const workspace = await opening.catch(() => undefined); // who opened it is told
      if (workspace === undefined) return true;
      const isPublished = await workspace.whenPublished(workspace.state.position);
      workspace.tidy();
      return isPublished;
    });
    return (await Promise.all(published)).every((isPublished) => isPublished);
  }

  /** How many workspaces there are, open or not, with something that the stream may lack; and why that is not known. */
  async unpublished(): Promise<Unpublished> {
    await this.settled();
    const open = () => [...this.#open.values()].flatMap(({ workspace }) => workspace ?? []);
    return countUnpublished(
      this.#shards.map(({ shard }) => shard),
      open,
      this.#options.replication,
    );
  }

  /** Resolves when everything that has been submitted by now is durable, whatever comes meanwhile. */
  async settled(): Promise<void> {
    await Promise.all(this.#shards.map(({ loop }) => loop.settled()));
  }

  /** Resolves when nothing is waiting to be made durable. */
  async idle(): Promise<void> {
    await Promise.all(this.#shards.map(({ loop }) => loop.idle()));
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#closing = true;
    await this.idle();
    await Promise.all(this.#shards.map(({ shard }) => shard.close()));
  }

  async #load(id: WorkspaceId): Promise<Workspace> {
    const workspace = await this.#begin(id, await this.#readable(id));
    if (!workspace.state.isUnreadable) return workspace;
    workspace.close();
    throw new QuarantinedError();
  }

  async #begin(id: WorkspaceId, stored: Stored): Promise<Workspace> {
    const { broadcaster, now, compactFromBytes, limits, historyWork, replication, home, onUpdated } = this.#options;
    const { loop } = this.#slotOf(id);
    const workspace = new Workspace(id, stored, {
      broadcaster,
      now,
      compactFromBytes,
      limits,
      historyWork,
      documents: this.#documents,
      replication,
      home,
      updated: onUpdated,
      deleted: (one) => this.#quarantine.delete(one),
      failed: (one, error) => this.#failed(one, error),
      schedule: (one) => loop.schedule(one),
      compact: (one) => this.#compact(one),
      rollUp: (one) => this.#inBackground(one.id, 'rollup', () => one.rollUp(this.#slotOf(id).shard)),
    });
    try {
      await workspace.catchUp();
    } catch (error) {
      // What is here is served. Where there is nothing nobody can know whether that is all.
      const isKnown = replication?.ack === 'local' || stored.state.position > 0;
      if (isKnown && error instanceof StreamUnavailableError) return workspace;
      workspace.close();
      throw error;
    }
    this.#recover(workspace);
    return workspace;
  }

  /** As `#read`; or an outline, where it may have been deleted elsewhere. @throws QuarantinedError */
  async #readable(id: WorkspaceId): Promise<Stored> {
    try {
      const stored = await this.#read(id);
      this.#quarantine.delete(id);
      return stored;
    } catch (error) {
      if (isPassingError(error)) throw error;
      this.#quarantine.add(id, error);
      if (this.#options.replication === undefined) throw new QuarantinedError();
      return this.#outline(id);
    }
  }

  /** As much as it takes to delete a workspace that cannot be read. */
  async #outline(id: WorkspaceId): Promise<Stored> {
    const { shard } = this.#slotOf(id);
    const state = this.#newState();
    await state.readOutline(id, shard);
    const bytes = await shard.checkpoint(id);
    const checkpoint = bytes === undefined ? NO_CHECKPOINT : decodeCheckpoint(bytes);
    return { state, checkpoint, unpublished: [], isMarked: false };
  }

  #newState(): WorkspaceState {
    return new WorkspaceState({
      ...this.#options.state,
      sourceOf: (one) => this.#slotOf(one).shard,
      pack: this.#options.historyWork.pack.bind(this.#options.historyWork),
    });
  }

  #failed(id: WorkspaceId, error: unknown): void {
    if (!(error instanceof UnreadableError)) {
      this.#options.onFailed(id, error);
      return;
    }
    this.#quarantine.add(id, error);
    this.#options.broadcaster.dismiss(id, CLOSE.restart, JSON.stringify({ retry_after_ms: 0 }));
    const workspace = this.#open.get(id)?.workspace;
    if (workspace === undefined) return;
    this.#strip(workspace).catch((failure: unknown) => {
      if (!isPassingError(failure)) this.#options.onFailed(id, failure);
    });
  }

  async #read(id: WorkspaceId): Promise<Stored> {
    const { shard } = this.#slotOf(id);
    const state = this.#newState();
    await state.read(id, shard);
    if (this.#options.replication === undefined) {
      return { state, checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: false };
    }
    const isMarked = await shard.isUnpublished(id);
    const bytes = await shard.checkpoint(id);
    const checkpoint = bytes === undefined ? NO_CHECKPOINT : decodeCheckpoint(bytes);
    const unpublished: LogEntry[] = [];
    // Where nothing says what the stream has, all that is here is published as a whole.
    if (checkpoint.marks.size === 0) return { state, checkpoint, unpublished, isMarked };
    // Compacted before it was written down that the stream has it, or while the pod stood alone: who knows?
    if (checkpoint.published < (state.snapshot?.position ?? 0)) {
      return { state, checkpoint: { ...checkpoint, marks: new Map() }, unpublished, isMarked };
    }
    for await (const record of shard.records(id, checkpoint.published)) unpublished.push(record);
    return { state, checkpoint, unpublished, isMarked };
  }

  /** Resolves when nothing of a shard is waiting to be recovered. @throws StreamUnavailableError, ShardDownError */
  async #recovered(shard: SupervisedShard): Promise<void> {
    for (;;) {
      await this.#background;
      const left = [...this.#unrecovered].filter((id) => this.#slotOf(id).shard === shard);
      if (left.length === 0 || this.#closing) return;
      await new Promise((resolve) => setTimeout(resolve, RECOVERY_RETRY_MS).unref());
      if (this.#options.replication?.stream.isConnected !== true) throw new StreamUnavailableError('it is away again');
      for (const id of left) await this.#use(id, (workspace) => this.#recover(workspace));
    }
  }

  #openMarks(): OpenMarks {
    const open = [...this.#open].flatMap(([id, { workspace }]) => (workspace === undefined ? [] : [{ id, workspace }]));
    const last = open.reduce<Mark | undefined>((mark, { workspace }) => laterOf(mark, workspace.mark), undefined);
    return { last, ids: new Set(open.map(({ id }) => id)) };
  }

  /** @throws StreamUnavailableError where the numbers of its messages may not be what they were */
  #mustBeSame(): void {
    if (this.#options.replication?.comparison.isSame !== true)
      throw new StreamUnavailableError('the stream is compared');
  }

  /**
   * Opens each, and takes in what the stream has of it; what it lacks is published in the background.
   * @param isOther the stream is another one than before, and cannot be compared with what is here
   */
  async #eachCaughtUp(ids: Iterable<WorkspaceId> | AsyncIterable<WorkspaceId>, isOther = false): Promise<void> {
    await eachAtOnce(ids, CAUGHT_UP_AT_ONCE, async (id) => {
      if (this.#closing) return;
      try {
        await this.#use(id, async (workspace) => {
          if (isOther) await workspace.forgetStream();
          await workspace.catchUp();
          this.#recover(workspace);
        });
      } catch (error) {
        if (error instanceof StreamUnavailableError) throw error; // it is all done again when it can be reached
        if (!isPassingError(error)) this.#options.onFailed(id, error);
      }
    });
  }

  /** A whole history may be large: no more than one is in memory, and few may wait. */
  async #oneByOne<T>(isWanted: () => boolean, read: () => Promise<T>): Promise<T> {
    if (this.#historyWaiting >= MAX_HISTORY_WAITING) throw new BusyError('too many ask for history at once: ask again');
    this.#historyWaiting += 1;
    const reading = this.#historyReads.then(() => {
      if (!isWanted()) throw new BusyError('nobody waits for it any more');
      return read();
    });
    this.#historyReads = reading.catch(() => undefined); // who asked is told
    try {
      return await reading;
    } finally {
      this.#historyWaiting -= 1;
    }
  }

  #compact({ id }: Workspace): void {
    // What is published only when the stream can be reached again must stay in the log until then.
    if (this.#options.replication?.stream.isConnected === false) return;
    this.#inBackground(id, 'compaction', async (workspace) => {
      const { shard, loop } = this.#slotOf(id);
      const { now, historyWork, onCompacted } = this.#options;
      await new Compaction(id, workspace.state, {
        source: shard,
        pack: (...input) => historyWork.pack(...input),
        schedule: (one: Committer) => (this.#closing ? one.turnFailed() : loop.schedule(one)),
        whenPublished: async (position) => {
          if (!(await workspace.whenPublished(position)))
            throw new CompactionFailed(`the stream lacks records of ${id}`);
        },
        now,
      }).run();
      onCompacted(id);
    });
  }

  #recover(workspace: Workspace): void {
    const { id } = workspace;
    // What has broken down is told of already, and must not hold up the others.
    if (!workspace.isLost || workspace.isDown) this.#unrecovered.delete(id);
    else this.#unrecovered.add(id);
    if (!this.#unrecovered.has(id) || this.#options.replication?.stream.isConnected !== true) return;
    this.#inBackground(id, 'recovery', async (one) => {
      await one.recover(this.#slotOf(id).shard);
      if (!one.isLost) this.#unrecovered.delete(id);
    });
  }

  #inBackground(id: WorkspaceId, name: string, work: (workspace: Workspace) => Promise<void>): void {
    const key = `${name} ${id}`;
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    void this.#alone(async () => {
      try {
        if (!this.#closing) await this.#use(id, work);
      } catch (error) {
        // What keeps the shard or the stream away is known already, and it is tried again.
        if (!isPassingError(error) && !(error instanceof CompactionFailed)) this.#failed(id, error);
      }
      this.#underWay.delete(key);
    });
  }

  /** One after the other, so that none removes what another reads. */
  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#background.then(work);
    this.#background = done.catch(() => undefined); // who asked for it is told
    return done;
  }

  /** A shard serves again: brings back the workspaces that were open when a write of theirs failed. */
  async #resumeAll(index: number): Promise<void> {
    for (const [id, slot] of this.#open) {
      if (shardOf(id, this.#shards.length) !== index) continue;
      try {
        const workspace = await slot.opening;
        if (workspace.isDown) workspace.resume(await this.#read(id));
      } catch (error) {
        // Down again: it will be up again, too. One that cannot be read stays down, and the others go on.
        if (!(error instanceof ShardDownError)) this.#options.onFailed(id, error);
      }
    }
  }

  #slotOf(id: WorkspaceId): ShardSlot {
    const slot = this.#shards[shardOf(id, this.#shards.length)];
    if (slot === undefined) throw new Error('there are no shards');
    return slot;
  }

  #sweep(): void {
    const before = this.#options.now() - this.#options.idleMs;
    for (const [id, { workspace, users, idleSince }] of this.#open) {
      workspace?.wholes.forget();
      workspace?.tidy();
      if (workspace !== undefined) this.#recover(workspace);
      if (users === 0 && idleSince <= before) this.#evict(id);
    }
    void this.#audit.run();
  }

  /** Lets go of a workspace, unless it is used or has something under way. */
  #evict(id: WorkspaceId): void {
    const slot = this.#open.get(id);
    if (slot?.workspace === undefined || slot.users > 0) return;
    if (!slot.workspace.isIdle && !this.#quarantine.has(id)) return;
    slot.workspace.close();
    this.#open.delete(id);
    this.#idle.delete(id);
  }
}
