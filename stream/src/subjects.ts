import { type WorkspaceId, workspaceId } from '@etherply/protocol';

// `<cluster>.ops.<prefix>.<workspace>`, where the prefix is a tenant's part of the id, so that one tenant's workspaces can be
// named by one wildcard. An id has no character with a meaning in subjects but the dot, and no `%`.

/** The subject of what a cluster publishes of a workspace. */
export function subjectOf(cluster: string, workspace: WorkspaceId): string {
  return `${cluster}.ops.${tail(workspace)}`;
}

/** Where the stream publishes again what comes into it, so that pods get it as it comes. */
export function liveDestination(cluster: string): string {
  return `${cluster}.live.>`;
}

/** All that comes of a workspace, of whatever cluster. */
export function liveSubjectOf(cluster: string, workspace: WorkspaceId): string {
  return `${cluster}.live.*.ops.${tail(workspace)}`;
}

/** The cluster that published a message, by the subject that it has in the stream. */
export function originOf(subject: string): string {
  return subject.slice(0, subject.indexOf('.'));
}

/** The workspace that a message is about, by any subject of it; undefined where there is none of that name. */
export function workspaceOf(subject: string): WorkspaceId | undefined {
  return workspaceId.safeParse(subject.slice(subject.lastIndexOf('.') + 1).replaceAll('%', '.')).data;
}

/** All that a cluster publishes. */
export function allSubjectsOf(cluster: string): string {
  return `${cluster}.ops.>`;
}

/** Where other regions ask a cluster for what only their home region does. */
export function homeSubjectOf(cluster: string): string {
  return `${cluster}.home`;
}

/** What the pods of a cluster tell each other of who is in a workspace; no stream keeps it. */
export function presenceSubjectOf(cluster: string, workspace: WorkspaceId): string {
  return `${cluster}.presence.${tail(workspace)}`;
}

/** What clients of automerge-repo say in passing to those on other pods; no stream keeps it. */
export function ephemeralSubjectOf(cluster: string, workspace: WorkspaceId): string {
  return `${cluster}.ephemeral.${tail(workspace)}`;
}

/**
 * Where a pod that has nothing asks for a copy of everything.
 * @param pod one of those that have it; without it any of them answers
 */
export function copySubjectOf(cluster: string, pod?: string): string {
  return pod === undefined ? `${cluster}.copy` : `${cluster}.copy.${pod}`;
}

/** The last two tokens of every subject that is about a workspace. */
export function tail(workspace: WorkspaceId): string {
  const colon = workspace.indexOf(':');
  return `${token(colon === -1 ? workspace : workspace.slice(0, colon))}.${token(workspace)}`;
}

function token(text: string): string {
  return text.replaceAll('.', '%');
}
