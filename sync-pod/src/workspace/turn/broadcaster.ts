import { CLOSE, type WorkspaceId } from '@etherply/protocol';

/** What others are told of the ops of one origin in one commit, in the two forms that a client can ask for. */
export interface Announcement {
  /** A frame for each op. */
  readonly singles: () => readonly string[];
  /** One frame with all of them. */
  readonly batch: () => string;
}

/** Sends to everyone in a workspace, in the form that each asked for. A form that nobody takes is not made. */
export interface Broadcaster {
  /** Somebody is there to be told. */
  isHeard(workspace: WorkspaceId): boolean;
  /** To all but `origin`. */
  announce(workspace: WorkspaceId, origin: Subscriber | undefined, announcement: Announcement): void;
  /** Closes the connections of everyone in the workspace. */
  dismiss(workspace: WorkspaceId, code: number, reason: string): void;
}

/** Sends everyone away to come back at once, since what they have is not what the workspace is any more. */
export function dismissForRestart(broadcaster: Broadcaster, workspace: WorkspaceId): void {
  broadcaster.dismiss(workspace, CLOSE.restart, JSON.stringify({ retry_after_ms: 0 }));
}

/** A connection as its workspace sees it. */
export interface Subscriber {
  /** Sends the acks that have been settled so far: they stand where the ops stand among what others wrote. */
  flushAcks(): void;
  /** Tells it what keys hold to which it has written without effect. */
  correct(announcement: Announcement): void;
  /** The socket is open: a frame can be sent to it. */
  readonly isOpen: boolean;
}
