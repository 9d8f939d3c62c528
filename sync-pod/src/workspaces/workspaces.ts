import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import { MissingPayloadError, StreamUnavailableError } from '../replication/stream.ts';
import type { CommitObserver, Committer } from '../storage/commit-loop.ts';
import { ShardDownError, type SupervisedShard } from '../storage/supervised-shard.ts';
import type { HistoryWork } from '../strategy/history.ts';
import { UnreadableError } from '../strategy/unreadable-error.ts';
import { Documents } from '../workspace/documents.ts';
import type { Update, WorkspaceLimits } from '../workspace/edge.ts';
import type { Home } from '../workspace/home/home.ts';
import type { Replication } from '../workspace/replica/replica.ts';
import { CompactionFailed } from '../workspace/state/compaction.ts';
import type { StateOptions } from '../workspace/state/workspace-state.ts';
import type { Stored } from '../workspace/stored.ts';
import { type Broadcaster, dismissForRestart } from '../workspace/turn/broadcaster.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import { Workspace } from '../workspace/workspace.ts';
import { Audit } from './audit.ts';
import { Background } from './background.ts';
import { Compactions } from './compactions.ts';
import { HistoryReads } from './history-reads.ts';
import { IdleQueue } from './idle-queue.ts';
import { isPassingError } from './passing-error.ts';
import { Quarantine, QuarantinedError } from './quarantine.ts';
import { Replicas } from './replicas.ts';
import { type ShardSlot, Shards } from './shards.ts';
import { StoredWorkspaces } from './stored-workspaces.ts';
import { encodeStreamFacts, NO_STREAM } from './stream-facts.ts';
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
/** Of so many workspaces it is asked with each sweep whether they have missed something. */
const AUDITED = 500;

interface Slot {
  readonly opening: Promise<Workspace>;
  /** Once it is open. */
  workspace: Workspace | undefined;
  users: number;
  idleSince: number;
}

/** The workspaces of this pod: opens one when it is first used, and lets go of it when it has been idle for long enough. */
export class Workspaces {
  /** Their histories, as they are on disk. */
  readonly histories: HistoryReads;
  /** Where other pods have them, too. */
  readonly replicas: Replicas | undefined;
  readonly #options: Options;
  readonly #shards: Shards;
  readonly #stored: StoredWorkspaces;
  readonly #open = new Map<WorkspaceId, Slot>();
  readonly #idle = new IdleQueue();
  readonly #sweeper: NodeJS.Timeout;
  readonly #background: Background;
  readonly #compactions: Compactions;
  readonly #quarantine: Quarantine;
  readonly #documents: Documents;
  readonly #audit = new Audit(() => this.#openOnes(), AUDITED);
  #closing = false;

  private constructor(options: Options, shards: Shards) {
    const { state, historyWork, replication, now } = options;
    this.#options = options;
    this.#shards = shards;
    this.#stored = new StoredWorkspaces(shards, { state, historyWork, isReplicated: replication !== undefined });
    this.histories = new HistoryReads(shards, historyWork);
    this.#documents = new Documents(options.maxDocumentBytes);
    this.#quarantine = new Quarantine({ began: options.onQuarantined, now });
    const isClosing = () => this.#closing;
    this.#background = new Background({
      use: (id, work) => this.#use(id, work),
      failed: (id, error) => {
        // What keeps the shard or the stream away is known already, and it is tried again.
        if (!isPassingError(error) && !(error instanceof CompactionFailed)) this.#failed(id, error);
      },
      isClosing,
    });
    const stream = replication?.stream;
    const compacted = options.onCompacted;
    this.#compactions = new Compactions(shards, this.#background, { stream, historyWork, now, compacted, isClosing });
    this.replicas =
      replication &&
      new Replicas(replication, shards, this.#background, {
        openIds: () => [...this.#open.keys()],
        open: () => this.#openOnes(),
        use: (id, work) => this.#use(id, work),
        failed: options.onFailed,
        isClosing,
      });
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(50, Math.min(options.idleMs / 4, 5000)));
    this.#sweeper.unref();
  }

  /** Opens every shard; the workspaces of one that cannot be opened are unavailable until it can. */
  static async start(options: Options): Promise<Workspaces> {
    const { dataDirs, writeBufferBytes, observer, onShardDown, onShardUp } = options;
    const up: ((index: number) => void)[] = [onShardUp];
    const shards = await Shards.open({
      dataDirs,
      writeBufferBytes,
      observer,
      down: onShardDown,
      up: (index) => {
        for (const listener of up) listener(index);
      },
    });
    const workspaces = new Workspaces(options, shards);
    if (options.replication === undefined) {
      // What is written from now on no stream has: whatever stream comes next, all is compared with it.
      const forget = (slot: ShardSlot | undefined) =>
        slot?.loop.write([{ kind: 'stream', bytes: encodeStreamFacts(NO_STREAM) }]).catch(() => undefined); // it is down
      await Promise.all(shards.slots.map(forget));
      up.push((index) => void forget(shards.slots[index]));
    }
    up.push((index) => void workspaces.#resumeAll(index));
    return workspaces;
  }

  /** What keeps this pod from serving everything, one line a shard; empty when all is well. */
  problems(): string[] {
    const lacks = this.#options.replication?.lacks() ?? [];
    return [...this.#shards.problems(), lacks].flat();
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
    const workspace = await this.#hold(id, async () => this.#begin(id, await this.#stored.readOutline(id)));
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
    const stored = await this.#stored.readOutline(workspace.id);
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

  /** Asks for a turn of the commit loop of the workspace's shard. */
  schedule(id: WorkspaceId, committer: Committer): void {
    this.#shards.of(id).loop.schedule(committer);
  }

  /** As `Shard.usage`. */
  usage(id: WorkspaceId, first: number, end: number): ReturnType<SupervisedShard['usage']> {
    return this.#shards.of(id).shard.usage(id, first, end);
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
    const shards = this.#shards.slots.map(({ shard }) => shard);
    return countUnpublished(shards, () => this.#openOnes(), this.#options.replication);
  }

  /** Resolves when everything that has been submitted by now is durable, whatever comes meanwhile. */
  async settled(): Promise<void> {
    await this.#shards.settled();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#closing = true;
    await this.#shards.close();
  }

  async #load(id: WorkspaceId): Promise<Workspace> {
    const workspace = await this.#begin(id, await this.#readable(id));
    if (!workspace.state.isUnreadable) return workspace;
    workspace.close();
    throw new QuarantinedError();
  }

  async #begin(id: WorkspaceId, stored: Stored): Promise<Workspace> {
    const { broadcaster, now, compactFromBytes, limits, historyWork, replication, home, onUpdated } = this.#options;
    const { shard, loop } = this.#shards.of(id);
    const workspace = new Workspace(id, stored, {
      broadcaster,
      now,
      compactFromBytes,
      limits,
      historyWork,
      documents: this.#documents,
      replication,
      home,
      updated: onUpdated && ((update) => onUpdated(id, update)),
      deleted: () => this.#quarantine.delete(id),
      failed: (error) => this.#failed(id, error),
      schedule: (committer) => loop.schedule(committer),
      compact: () => this.#compactions.begin(id),
      rollUp: () => this.#background.begin(id, 'rollup', (one) => one.rollUp(shard)),
    });
    try {
      await workspace.catchUp();
    } catch (error) {
      // What is here is served. Where there is nothing nobody can know whether that is all.
      const mayBeNew = replication?.ack === 'local' && !(error instanceof MissingPayloadError);
      const isKnown = mayBeNew || stored.state.position > 0;
      if (isKnown && error instanceof StreamUnavailableError) return workspace;
      workspace.close();
      throw error;
    }
    this.replicas?.recover(workspace);
    return workspace;
  }

  /** What is stored; or an outline, where it may have been deleted elsewhere. @throws QuarantinedError */
  async #readable(id: WorkspaceId): Promise<Stored> {
    try {
      const stored = await this.#stored.read(id);
      this.#quarantine.delete(id);
      return stored;
    } catch (error) {
      if (isPassingError(error)) throw error;
      this.#quarantine.add(id, error);
      if (this.#options.replication === undefined) throw new QuarantinedError();
      return this.#stored.readOutline(id);
    }
  }

  #failed(id: WorkspaceId, error: unknown): void {
    if (!(error instanceof UnreadableError)) {
      this.#options.onFailed(id, error);
      return;
    }
    this.#quarantine.add(id, error);
    dismissForRestart(this.#options.broadcaster, id);
    const workspace = this.#open.get(id)?.workspace;
    if (workspace === undefined) return;
    this.#strip(workspace).catch((failure: unknown) => {
      if (!isPassingError(failure)) this.#options.onFailed(id, failure);
    });
  }

  /** A shard serves again: brings back the workspaces that were open when a write of theirs failed. */
  async #resumeAll(index: number): Promise<void> {
    for (const [id, slot] of this.#open) {
      if (this.#shards.of(id) !== this.#shards.slots[index]) continue;
      try {
        const workspace = await slot.opening;
        if (!workspace.isDown) continue;
        const stored = await this.#stored.read(id);
        // One that was let go of meanwhile must not write beside the one that is opened in its place.
        if (this.#open.get(id) === slot) workspace.resume(stored);
      } catch (error) {
        // Down again: it will be up again, too. One that cannot be read stays down, and the others go on.
        if (!(error instanceof ShardDownError)) this.#options.onFailed(id, error);
      }
    }
  }

  #openOnes(): Workspace[] {
    return [...this.#open.values()].flatMap(({ workspace }) => workspace ?? []);
  }

  #sweep(): void {
    const before = this.#options.now() - this.#options.idleMs;
    for (const [id, { workspace, users, idleSince }] of this.#open) {
      // First: what is tidied may be busy with that.
      if (users === 0 && idleSince <= before) this.#evict(id);
      if (workspace === undefined || this.#open.get(id)?.workspace !== workspace) continue;
      workspace.wholes.forget();
      workspace.tidy();
      this.replicas?.recover(workspace);
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
