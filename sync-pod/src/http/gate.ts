import { LIMITS, parseWorkspaceId, type WorkspaceId } from '@etherply/protocol';
import { type Access, mayOpen, type Scope } from '../auth/access.ts';
import { AuthError, type TokenVerifier } from '../auth/token-verifier.ts';
import { HttpError, type RequestFacts } from './request.ts';

/** The rules that every request passes before it reaches a workspace. */
export class Gate {
  readonly #verifier: TokenVerifier;

  constructor(verifier: TokenVerifier) {
    this.#verifier = verifier;
  }

  /**
   * @throws HttpError `bad_request` for an impossible id, `unauthorized`, or `permission_denied`
   */
  async admit(request: RequestFacts, scope: Scope): Promise<{ workspace: WorkspaceId; access: Access }> {
    const workspace = parseWorkspaceId(request.workspaceSegment);
    if (workspace === undefined) {
      throw new HttpError(
        'bad_request',
        'a workspace id has 1 to 128 characters of A-Z a-z 0-9 . _ : @ ~ - and starts with a letter or digit',
      );
    }
    const access = await this.#grant(request, scope);
    if (!mayOpen(access, workspace))
      throw new HttpError('permission_denied', 'the token gives no right to this workspace');
    return { workspace, access };
  }

  /**
   * For what says later which workspaces it is about: each is to be held against `mayOpen`.
   * @throws HttpError `unauthorized`, or `permission_denied`
   */
  admitToSome(request: RequestFacts, scope: Scope): Promise<Access> {
    return this.#grant(request, scope);
  }

  /**
   * For what is about the pod as a whole: a token for some workspaces says nothing about the others.
   * @throws HttpError `unauthorized`, or `permission_denied`
   */
  async admitToPod(request: RequestFacts, scope: Scope): Promise<Access> {
    const access = await this.#grant(request, scope);
    if (access.workspaces !== undefined && !access.workspaces.includes('*')) {
      throw new HttpError('permission_denied', 'the token is not for every workspace');
    }
    return access;
  }

  /**
   * The user of a request: its token's, or else what the client says in `?userId=`, or else a name made of `fallback`.
   * @throws HttpError `bad_request` where that cannot be a user id
   */
  userOf({ query }: RequestFacts, access: Access, fallback: string): string {
    const userId = access.userId ?? query.get('userId') ?? `anonymous-${fallback}`;
    if (userId === '' || userId.length > LIMITS.userIdLength || !userId.isWellFormed()) {
      throw new HttpError('bad_request', `a user id has 1 to ${LIMITS.userIdLength} characters`);
    }
    return userId;
  }

  async #grant(request: RequestFacts, scope: Scope): Promise<Access> {
    const access = await this.#verify(tokenOf(request));
    if (!access.scopes.has(scope)) throw new HttpError('permission_denied', `missing '${scope}' scope`);
    return access;
  }

  async #verify(token: string | undefined): Promise<Access> {
    if (token === undefined) {
      throw new HttpError(
        'unauthorized',
        'a token is missing: send it as Authorization: Bearer, ?token= or second subprotocol',
      );
    }
    try {
      return await this.#verifier.verify(token);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      throw new HttpError(error.code === 'forbidden' ? 'permission_denied' : error.code, error.message);
    }
  }
}

function tokenOf({ authorization, query, protocols }: RequestFacts): string | undefined {
  const bearer = /^bearer +(.+)$/i.exec(authorization)?.[1];
  return bearer ?? query.get('token') ?? (protocols[0] === SUBPROTOCOL ? protocols[1] : undefined);
}

export const SUBPROTOCOL = 'etherply.v1';
