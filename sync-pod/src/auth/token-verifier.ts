import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Access, Scope } from './access.ts';

/**
 * Why a token was not accepted. `unauthorized`: the token itself is no good (401). `forbidden`: it is genuine but grants
 * nothing here (403). `unavailable`: the JWKS could not be read, so nothing is known about the token (503).
 */
export type AuthErrorCode = 'unauthorized' | 'forbidden' | 'unavailable';

/** A refused token. The message is fit for the client: it never contains the token or any part of it. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How tokens are checked; at least one of `secret` and `jwksUrl` is needed. */
export interface TokenVerifierOptions {
  /** Shared secret; accepts HS256, HS384 and HS512. */
  readonly secret?: string | undefined;
  /** Where the public keys are; accepts asymmetric algorithms only. */
  readonly jwksUrl?: string | undefined;
  /** The `iss` a token must carry; unchecked if undefined. */
  readonly issuer?: string | undefined;
  /** The `aud` a token must carry; unchecked if undefined. */
  readonly audience?: string | undefined;
  /** The scopes of a token that has neither a `scopes` nor a `scope` claim. */
  readonly defaultScopes: readonly Scope[];
  /** Whether a token without a `workspaces` claim is refused rather than valid for every workspace. */
  readonly requireWorkspaceClaim: boolean;
  /** Shortest time between two fetches of the JWKS caused by unknown key ids, in milliseconds. Default 5000. */
  readonly jwksCooldownMs?: number | undefined;
}

/** Turns tokens into rights. */
export interface TokenVerifier {
  /** Verifies a compact JWT; rejects with {@link AuthError} if it is not acceptable. */
  verify(token: string): Promise<Access>;
}

const SECRET_ALGORITHMS = [
  ['HS256', 'SHA-256'],
  ['HS384', 'SHA-384'],
  ['HS512', 'SHA-512'],
] as const;
const JWKS_ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA'.split(' ');
const CLOCK_TOLERANCE_SECONDS = 5;

type Verify = (token: string) => Promise<JWTPayload>;

/** Creates the verifier; throws if neither a secret nor a JWKS URL is given. The JWKS is first fetched when needed. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const common: JWTVerifyOptions = { clockTolerance: CLOCK_TOLERANCE_SECONDS };
  if (options.issuer !== undefined) common.issuer = options.issuer;
  if (options.audience !== undefined) common.audience = options.audience;

  // One entry per algorithm, each bound to the one kind of key it may use. The header's `alg` only picks the entry, so
  // a public key can never serve as an HMAC secret; `none` has no entry.
  const verifiers = new Map<string, Verify>();
  if (options.secret) {
    const secret = new TextEncoder().encode(options.secret);
    for (const [algorithm, hash] of SECRET_ALGORITHMS) {
      const checks = { ...common, algorithms: [algorithm] };
      // Imported once: jose would import the bytes again for each token.
      const key = crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['verify']);
      verifiers.set(algorithm, async (token) => (await jwtVerify(token, await key, checks)).payload);
    }
  }
  if (options.jwksUrl) {
    const jwks = createRemoteJWKSet(new URL(options.jwksUrl), { cooldownDuration: options.jwksCooldownMs ?? 5000 });
    // A failure to fetch or read the keys says nothing about the token, so it is told apart here, where it happens.
    const keys = async (...args: Parameters<typeof jwks>) => {
      try {
        return await jwks(...args);
      } catch (error) {
        if (isKeySelectionError(error)) throw error;
        throw new AuthError('unavailable', 'the keys to verify tokens cannot be read at the moment', { cause: error });
      }
    };
    for (const algorithm of JWKS_ALGORITHMS) {
      const checks = { ...common, algorithms: [algorithm] };
      verifiers.set(algorithm, async (token) => (await jwtVerify(token, keys, checks)).payload);
    }
  }
  if (verifiers.size === 0) throw new TypeError('a token verifier needs a secret or a JWKS URL');

  return {
    async verify(token) {
      const verify = verifiers.get(algorithmOf(token));
      if (!verify) throw new AuthError('unauthorized', "the token's algorithm is not accepted here");
      let payload: JWTPayload;
      try {
        payload = await verify(token);
      } catch (error) {
        throw error instanceof AuthError ? error : new AuthError('unauthorized', explain(error));
      }
      return toAccess(payload, options);
    },
  };
}

function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? '';
  } catch {
    throw new AuthError('unauthorized', 'the token is not a JWT');
  }
}

function isKeySelectionError(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

/** Own words instead of jose's, whose errors carry the payload; for the same reason they are not kept as the cause. */
function explain(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'nbf':
        return 'the token is not valid yet';
      case 'iss':
        return 'the token is from another issuer';
      case 'aud':
        return 'the token is for another audience';
      default:
        return 'a registered claim of the token is malformed';
    }
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is wrong";
  if (error instanceof errors.JWKSNoMatchingKey) return 'the token was signed with an unknown key';
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'the token must name its key: several match, add a kid';
  return 'the token is malformed';
}

function toAccess(payload: JWTPayload, options: TokenVerifierOptions): Access {
  const { sub, exp, workspaces } = payload;
  if (sub !== undefined && (typeof sub !== 'string' || sub === '')) throw malformed('sub', 'a non-empty string');
  if (exp !== undefined && !Number.isFinite(exp)) throw malformed('exp', 'a number');
  // The tolerance is for clocks that are behind: a session would end with its token at once.
  if (exp !== undefined && exp <= Date.now() / 1000) throw new AuthError('unauthorized', 'the token has expired');
  if (workspaces !== undefined && !isStringArray(workspaces)) throw malformed('workspaces', 'an array of strings');
  const scopes = readScopes(payload, options.defaultScopes);
  if (workspaces === undefined && options.requireWorkspaceClaim) {
    throw new AuthError('forbidden', 'the token has no workspaces claim, which this server requires');
  }
  return { userId: sub, scopes, workspaces, claims: payload, expiresAt: exp };
}

function readScopes({ scopes, scope }: JWTPayload, defaults: readonly Scope[]): ReadonlySet<Scope> {
  if (scopes !== undefined && !isStringArray(scopes)) throw malformed('scopes', 'an array of strings');
  if (scope !== undefined && typeof scope !== 'string') throw malformed('scope', 'a string');
  // An empty claim is a statement too: only a token silent about scopes gets the defaults.
  const granted = new Set<Scope>((scopes ?? scope?.split(' ') ?? defaults).filter(isScope));
  return granted.has('admin') ? new Set<Scope>(['read', 'write', 'admin']) : granted;
}

function isScope(name: string): name is Scope {
  return name === 'read' || name === 'write' || name === 'admin';
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function malformed(claim: string, wanted: string): AuthError {
  return new AuthError('unauthorized', `the token's ${claim} claim must be ${wanted}`);
}
