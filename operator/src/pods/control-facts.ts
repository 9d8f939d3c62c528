/** What `GET /control/status` of a sync pod says. */
export interface ControlFacts {
  readonly draining: boolean;
  readonly connections: number;
  /** Workspaces of which it has something that the stream does not have; null where it cannot know. */
  readonly unpublishedWorkspaces: number | null;
  readonly streamConnected: boolean;
  readonly problems: readonly string[];
  readonly opsPerSecond: number;
  /** Of its volume; undefined where it has none, or its version does not say. */
  readonly podId?: string | undefined;
}
