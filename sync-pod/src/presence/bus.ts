import type { WorkspaceId } from '@etherply/protocol';

/** Carries messages about workspaces between pods. What is sent while the others cannot be reached is lost. */
export interface Bus {
  /** Whether other pods can be reached now. */
  readonly isConnected: boolean;
  /** The most bytes that a message may have. */
  readonly maxBytes: number;
  publish(workspace: WorkspaceId, bytes: Uint8Array): void;
  /** Every message about a workspace from now on, also those of this pod. Gives what ends it. */
  subscribe(workspace: WorkspaceId, received: (bytes: Uint8Array) => void): () => void;
  /** Called whenever the others can be reached, at first or again. */
  onConnected(connected: () => void): void;
}
