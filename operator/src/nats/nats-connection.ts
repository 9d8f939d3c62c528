import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import {
  type Authenticator,
  AuthorizationError,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import type { NatsAccess } from './nats-access.ts';

/** There is no connection; the message says what to look at, and has no secret in it. */
export class NatsConnectionError extends Error {
  override readonly name = 'NatsConnectionError';
}

/** For so long one server may take. */
const SERVER_MS = 2000;
const PING_MS = 10_000;

/**
 * Connects to one of the servers, once: a connection that is lost is closed.
 * @param timeoutMs for so long all of them may take together
 * @throws NatsConnectionError
 */
export async function connectTo(access: NatsAccess, timeoutMs: number): Promise<NatsConnection> {
  const { servers, source } = access;
  const [authenticator, tls] = [authenticatorOf(access), tlsOf(access)];
  const connecting = connect({
    servers: [...servers],
    name: 'etherply operator',
    ...(authenticator && { authenticator }),
    ...(tls && { tls }),
    reconnect: false,
    // Servers that pods are behind of, not what these say of each other.
    ignoreClusterUpdates: true,
    timeout: Math.min(SERVER_MS, timeoutMs),
    pingInterval: PING_MS,
    maxPingOut: 2,
  });
  try {
    return await withinTime(connecting, timeoutMs);
  } catch (error) {
    const at = servers.join(', ');
    if (isRefusal(error)) throw new NatsConnectionError(`NATS at ${at} refuses the credentials: look at ${source}`);
    throw new NatsConnectionError(`NATS cannot be reached at ${at}: ${error instanceof Error ? error.message : error}`);
  }
}

async function withinTime(connecting: Promise<NatsConnection>, timeoutMs: number): Promise<NatsConnection> {
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  connecting.then(
    (connection) => {
      if (isLate) void connection.close();
    },
    () => {}, // who waits is told
  );
  try {
    return await Promise.race([connecting, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof AuthorizationError ||
    (error instanceof Error && error.cause !== undefined && error.cause !== error && isRefusal(error.cause))
  );
}

/** @throws NatsConnectionError */
function authenticatorOf({ credentials, source }: NatsAccess): Authenticator | undefined {
  if (credentials === undefined) return undefined;
  if ('user' in credentials) return usernamePasswordAuthenticator(credentials.user, credentials.password);
  if ('token' in credentials) return tokenAuthenticator(credentials.token);
  const [authenticator, what] =
    'nkey' in credentials
      ? [nkeyAuthenticator(Buffer.from(credentials.nkey)), 'the seed of an NKey']
      : [credsAuthenticator(Buffer.from(credentials.creds)), 'a credentials file (JWT and NKey)'];
  // One that throws while it connects leaves nobody a reason.
  check(() => authenticator('nonce'), `what is in ${source} is not ${what}`);
  return authenticator;
}

/** @throws NatsConnectionError */
function tlsOf({ tls, servers }: NatsAccess) {
  if (tls === undefined) return servers.some((url) => /^tls:/i.test(url)) ? {} : undefined;
  const { ca, cert, key } = tls;
  if (ca !== undefined) {
    check(() => new X509Certificate(ca), 'what spec.nats.external.tls.caRef names is no certificate in PEM');
  }
  if (cert !== undefined && key !== undefined) {
    const problem = 'what spec.nats.external.tls.certificateRef names is no certificate and its key in PEM';
    check(() => createSecureContext({ cert, key }), problem);
  }
  return tls;
}

/** What it throws is not passed on: there may be a secret in it. @throws NatsConnectionError */
function check(attempt: () => unknown, problem: string): void {
  try {
    attempt();
  } catch {
    throw new NatsConnectionError(`${problem}: put the right one in`);
  }
}
