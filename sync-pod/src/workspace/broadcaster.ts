import type { WorkspaceId } from '@etherply/protocol';

/** Sends one frame to everyone in a workspace, in the form that each asked for. */
export interface Broadcaster {
  /** To all that take single ops, but not to `origin`. */
  op(workspace: WorkspaceId, origin: Subscriber | undefined, frame: string): void;
  /** To all that take batches, but not to `origin`. */
  ops(workspace: WorkspaceId, origin: Subscriber | undefined, frame: string): void;
}

/** A connection as its workspace sees it. */
export interface Subscriber {
  readonly userId: string;
  /** Sends the acks that have been settled so far: they stand where the ops stand among what others wrote. */
  flushAcks(): void;
  /** The socket is open: a frame can be sent to it. */
  readonly isOpen: boolean;
}
