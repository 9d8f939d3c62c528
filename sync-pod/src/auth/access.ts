/** What a token lets its holder do; `admin` implies the other two. */
export type Scope = 'read' | 'write' | 'admin';

/** The rights of one verified token. */
export interface Access {
  /** The token's `sub`; where it is undefined the client may name itself. */
  readonly userId: string | undefined;
  /** The scopes granted, with `admin` already expanded to `read` and `write`. */
  readonly scopes: ReadonlySet<Scope>;
  /** Workspace ids or `prefix*` patterns; undefined means every workspace. */
  readonly workspaces: readonly string[] | undefined;
  /** All that the token says, for the rules of workspaces. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Unix seconds after which the token is no longer valid; undefined means never. */
  readonly expiresAt: number | undefined;
}

/** Whether the token covers this workspace. Says nothing about scopes. */
export function mayOpen(access: Pick<Access, 'workspaces'>, workspaceId: string): boolean {
  if (access.workspaces === undefined) return true;
  return access.workspaces.some((pattern) =>
    pattern.endsWith('*') ? workspaceId.startsWith(pattern.slice(0, -1)) : pattern === workspaceId,
  );
}
