import type { WorkspaceId } from '@etherply/protocol';
import { MissingPayloadError, StreamUnavailableError } from '../replication/stream.ts';
import type { Mark } from '../workspace/replica/checkpoint.ts';
import type { Replication } from '../workspace/replica/replica.ts';
import type { Source } from '../workspace/state/source.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { eachAtOnce } from './at-once.ts';
import type { Background } from './background.ts';
import { laterOf } from './last-mark.ts';
import { isPassingError } from './passing-error.ts';
import { Recovery } from './recovery.ts';
import type { Shards } from './shards.ts';
import { type OpenMarks, StreamCheck } from './stream-check.ts';

/** So many workspaces ask the stream at once what they have missed. */
const CAUGHT_UP_AT_ONCE = 32;
/** So often a workspace is copied before the copy is given up. */
const COPY_TRIES = 10;
const COPY_RETRY_MS = 500;

interface Edge {
  /** Those that are open, and those that are being opened. */
  readonly openIds: () => Iterable<WorkspaceId>;
  readonly open: () => readonly Workspace[];
  /** Keeps a workspace open for as long as `work` takes, also before the pod serves. */
  readonly use: <T>(id: WorkspaceId, work: (workspace: Workspace) => T | Promise<T>) => Promise<T>;
  /** Something that should not happen has happened to it. */
  readonly failed: (id: WorkspaceId, error: unknown) => void;
  readonly isClosing: () => boolean;
}

/** The workspaces of this pod as copies of what the stream has: they take in what it has, and have published what it lacks. */
export class Replicas {
  readonly #replication: Replication;
  readonly #shards: Shards;
  readonly #background: Background;
  readonly #edge: Edge;
  readonly #check: StreamCheck;
  readonly #recovery: Recovery;

  constructor(replication: Replication, shards: Shards, background: Background, edge: Edge) {
    this.#replication = replication;
    this.#shards = shards;
    this.#background = background;
    this.#edge = edge;
    this.#recovery = new Recovery(shards, replication.stream, background, edge);
    this.#check = new StreamCheck(replication, {
      shards: shards.slots,
      openMarks: () => this.#openMarks(),
      recover: async (shard) => {
        await this.#eachCaughtUp(shard.workspaces(), replication.stream.forgets);
        await this.#recovery.finished(shard);
      },
      isClosing: edge.isClosing,
    });
  }

  /** The stream can be reached: every open workspace takes in what it missed, and those are opened that have something for it. */
  async connected(): Promise<void> {
    // Where it forgets, what is here cannot be compared with what it has: first it must be known whether it is the same one.
    if (this.#replication.stream.forgets) await this.#check.compare();
    const waiting = new Set<WorkspaceId>();
    for (const { shard } of this.#shards.slots) {
      if (shard.problem !== undefined) continue;
      for (const id of await shard.unpublishedWorkspaces()) waiting.add(id);
    }
    for (const id of this.#edge.openIds()) waiting.add(id);
    await this.#eachCaughtUp(waiting);
    await this.checkStream();
  }

  /**
   * Where the stream no longer has what it had, or a shard has never met it: each workspace that is stored here compares, and
   * publishes what is missing.
   */
  async checkStream(): Promise<void> {
    await this.#check.run();
  }

  /** The stream cannot be reached, and may be another one when it can. */
  interrupted(): void {
    this.#check.interrupted();
  }

  /** As `Workspace.takeIn`. @throws ShardDownError, too */
  takeIn(id: WorkspaceId, sequence: number): Promise<number> {
    this.#mustBeSame();
    return this.#edge.use(id, (workspace) => workspace.takeIn(sequence));
  }

  /**
   * Publishes all that is here, for a pod that has nothing.
   * @throws StreamUnavailableError, NotCommittedError, ShardDownError where some of it may be missing
   */
  async publishCopy(): Promise<void> {
    for (const { shard } of this.#shards.slots) {
      for await (const id of shard.workspaces()) {
        for (let tries = 1; !(await this.#isCopied(id, shard, tries === COPY_TRIES)); tries += 1) {
          await new Promise((resolve) => setTimeout(resolve, COPY_RETRY_MS).unref());
        }
      }
    }
  }

  /** Has an open workspace published in the background, where the stream may lack something of it. */
  recover(workspace: Workspace): void {
    this.#recovery.look(workspace);
  }

  /** False: others kept writing to it. */
  async #isCopied(id: WorkspaceId, source: Source, isLastTry: boolean): Promise<boolean> {
    this.#mustBeSame();
    try {
      await this.#edge.use(id, (workspace) => this.#background.run(() => workspace.publishCopy(source)));
      return true;
    } catch (error) {
      if (isLastTry || !(error instanceof StreamUnavailableError)) throw error;
      return false;
    }
  }

  /**
   * Opens each, and takes in what the stream has of it; what it lacks is published in the background.
   * @param isOther the stream is another one than before, and cannot be compared with what is here
   */
  async #eachCaughtUp(ids: Iterable<WorkspaceId> | AsyncIterable<WorkspaceId>, isOther = false): Promise<void> {
    await eachAtOnce(ids, CAUGHT_UP_AT_ONCE, async (id) => {
      if (this.#edge.isClosing()) return;
      try {
        await this.#edge.use(id, async (workspace) => {
          if (isOther) await workspace.forgetStream();
          await workspace.catchUp();
          this.recover(workspace);
        });
      } catch (error) {
        const isMissing = error instanceof MissingPayloadError; // it is tried again by itself
        if (error instanceof StreamUnavailableError && !isMissing) throw error; // it is all done again when it can be reached
        if (!isPassingError(error)) this.#edge.failed(id, error);
      }
    });
  }

  #openMarks(): OpenMarks {
    const open = this.#edge.open();
    const last = open.reduce<Mark | undefined>((mark, workspace) => laterOf(mark, workspace.mark), undefined);
    return { last, ids: new Set(open.map(({ id }) => id)) };
  }

  /** @throws StreamUnavailableError where the numbers of its messages may not be what they were */
  #mustBeSame(): void {
    if (this.#replication.comparison.isSame !== true) throw new StreamUnavailableError('the stream is compared');
  }
}
