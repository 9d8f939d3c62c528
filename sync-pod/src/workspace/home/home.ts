import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import type { Outcome, Submission } from '../turn/submission.ts';

/** A message of a client, on its way to another region. */
export type Forwarded = Omit<Submission, 'origin' | 'settle'>;

/** The region that gives workspaces their order, where that is not this one. */
export interface Home {
  /** In the order of the messages. @throws StreamUnavailableError where it is unknown whether they took effect */
  submit(workspace: WorkspaceId, messages: readonly Forwarded[]): Promise<Outcome[]>;
  /** As `Workspace.configure`. @throws StreamUnavailableError */
  configure(workspace: WorkspaceId, settings: WorkspaceSettings): Promise<Outcome>;
  /** As `Workspace.delete`. @throws StreamUnavailableError */
  delete(workspace: WorkspaceId): Promise<Outcome>;
}
