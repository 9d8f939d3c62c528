import type { Durability, WorkspaceId } from '@etherply/protocol';
import type { Committer } from '../storage/commit-loop.ts';
import type { LogEntry } from '../storage/shard.ts';
import { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { HistoryWork } from '../strategy/history.ts';
import type { Strategy } from '../strategy/strategy.ts';
import type { DocumentHolder, Documents } from './documents.ts';
import type { Home } from './home/home.ts';
import type { Intake } from './intake.ts';
import type { Checkpoint } from './replica/checkpoint.ts';
import type { Replica, Replication } from './replica/replica.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import type { Broadcaster } from './turn/broadcaster.ts';
import { Deliveries } from './turn/delivery.ts';
import type { WorkspaceQuota } from './turn/quota.ts';
import { type Submission, UNAVAILABLE } from './turn/submission.ts';
import type { Turns } from './turn/turns.ts';
import { Wholes } from './whole.ts';

/** For how long a workspace stands still where the stream does not answer. */
export const PATIENCE_MS = 5000;

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
export interface WorkspaceEdge {
  readonly broadcaster: Broadcaster;
  /** Told of each commit of this pod that had an effect, where somebody wants to know. */
  readonly updated: ((update: Update) => void) | undefined;
  /** It has been deleted, here or elsewhere. */
  readonly deleted: () => void;
  /** Something that should not happen has happened to it. */
  readonly failed: (error: unknown) => void;
  /** Asks for a turn of the commit loop. */
  readonly schedule: (committer: Committer) => void;
  /** So much has been written since the last snapshot that it is time for another. */
  readonly compact: () => void;
  /** So much has been published since the last message that stands for all that it is time for another. */
  readonly rollUp: () => void;
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

/** A workspace as one of several copies. */
export type ReplicatedCore = Core & { readonly replica: Replica; readonly intake: Intake };

/** A workspace in memory: what its parts share. It is changed by what has its turn, and by nothing else. */
export class Core implements DocumentHolder {
  readonly id: WorkspaceId;
  readonly edge: WorkspaceEdge;
  readonly turns: Turns;
  /** What clients have sent and no turn has taken yet. */
  readonly waiting: Submission[] = [];
  readonly deliveries = new Deliveries();
  /** Called whenever something has become durable that changes the workspace. */
  readonly watchers = new Set<() => void>();
  replica: Replica | undefined;
  intake: Intake | undefined;
  state: WorkspaceState;
  #wholes: Wholes;

  constructor(id: WorkspaceId, state: WorkspaceState, edge: WorkspaceEdge, turns: Turns) {
    this.id = id;
    this.state = state;
    this.#wholes = new Wholes(state.strategy);
    this.edge = edge;
    this.turns = turns;
  }

  get strategy(): Strategy {
    return this.state.strategy;
  }

  get wholes(): Wholes {
    if (this.#wholes.strategy !== this.strategy) this.#wholes = new Wholes(this.strategy);
    return this.#wholes;
  }

  /** The stream, or another region, gives the order. */
  get isLinearised(): boolean {
    return this.replica !== undefined && this.strategy.name === 'server-auth';
  }

  /** What an ack stands for. */
  get durability(): Durability {
    const { replication } = this.edge;
    if (replication === undefined) return 'local';
    return this.isLinearised ? 'replicated' : replication.ack;
  }

  /** What is here has outgrown this many bytes, or half of its snapshot where that is more. */
  get bytesWorthReplacing(): number {
    return Math.max(this.edge.compactFromBytes, (this.state.snapshot?.state.bytes ?? 0) / 2);
  }

  get documentBytes(): number {
    return this.strategy instanceof AutomergeStrategy ? this.strategy.documentBytes : 0;
  }

  /** It is down, or what is stored of it cannot be read. */
  get isDown(): boolean {
    return this.turns.isDown || this.state.isUnreadable;
  }

  isReplicated(): this is ReplicatedCore {
    return this.replica !== undefined && this.intake !== undefined;
  }

  schedule(): void {
    this.edge.schedule(this.turns);
  }

  /** Something has become durable that changes it. */
  changed(): void {
    this.checkReadable();
    this.edge.documents.used(this);
    for (const changed of this.watchers) changed();
  }

  /** Where it has turned out that it cannot be read, it goes down, and is quarantined. */
  checkReadable(): void {
    const { fault } = this.state;
    if (fault !== undefined && !this.isDown) this.turns.turnBroken(fault);
  }

  dropDocument(): void {
    this.turns.enqueue({
      work: async () => {
        if (this.strategy instanceof AutomergeStrategy) this.strategy.dropDocument();
      },
      refuse: () => undefined, // what is down has its state read again
    });
  }

  /** Tells clients what the stream has. */
  deliver(): void {
    this.deliveries.flush((position) => this.replica?.outbox.isPublished(position) !== false);
  }

  refuseWaiting(): void {
    for (const { settle } of this.waiting.splice(0)) settle(UNAVAILABLE);
  }
}
