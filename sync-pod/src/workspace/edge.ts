import type { Committer } from '../storage/commit-loop.ts';
import type { HistoryWork } from '../strategy/history.ts';
import type { Documents } from './documents.ts';
import type { Home } from './home/home.ts';
import type { Replication } from './replica/replica.ts';
import type { Broadcaster } from './turn/broadcaster.ts';
import type { WorkspaceQuota } from './turn/quota.ts';

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
