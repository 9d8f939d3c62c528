import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  type TlsOptions,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';

/** How to reach NATS, and as whom. */
export interface NatsOptions {
  readonly urls: readonly string[];
  /** What servers see. */
  readonly name: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  /** A file with the seed. */
  readonly nkeyFile: string | undefined;
  readonly credsFile: string | undefined;
  /** Files in PEM. */
  readonly tlsCa: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

/** A file with what NATS is to be shown cannot be read, or holds something else. */
export class NatsCredentialsError extends Error {
  override readonly name = 'NatsCredentialsError';
}

const RECONNECT_MS = 250;
/** So that pods do not all come back in the same moment. */
const JITTER_MS = 750;
const PING_MS = 10_000;
/** A server that ends the connection after the TLS handshake, as for want of a certificate, is waited for that long. */
const CONNECT_MS = 5000;

/**
 * Reads what is to be shown to NATS, and gives what connects: it fails where no server can be reached now, and once connected
 * it connects again whenever it has to. @throws NatsCredentialsError
 */
export async function natsConnector(options: NatsOptions): Promise<() => Promise<NatsConnection>> {
  const { urls, name } = options;
  const [authenticator, tls] = [await authenticatorOf(options), await tlsOf(options)];
  return () =>
    connect({
      servers: [...urls],
      name,
      ...(authenticator && { authenticator }),
      ...(tls && { tls }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: JITTER_MS,
      reconnectJitterTLS: JITTER_MS,
      // Whoever changes the credentials on the server changes them here next, or back.
      ignoreAuthErrorAbort: true,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      // Or it makes errors for each request before there are any, for their stacks: a microsecond and more of an op.
      noAsyncTraces: true,
    });
}

async function authenticatorOf({
  user,
  password,
  token,
  nkeyFile,
  credsFile,
}: NatsOptions): Promise<Authenticator | undefined> {
  if (user !== undefined) return usernamePasswordAuthenticator(user, password);
  if (token !== undefined) return tokenAuthenticator(token);
  if (nkeyFile !== undefined) {
    const seed = Buffer.from((await read(nkeyFile)).toString().trim());
    return checked(nkeyAuthenticator(seed), `${nkeyFile} is no seed of an NKey`);
  }
  if (credsFile !== undefined) {
    return checked(credsAuthenticator(await read(credsFile)), `${credsFile} has no credentials (JWT and NKey)`);
  }
  return undefined;
}

/** Tries it out: one that throws while it connects leaves nobody a reason. */
function checked(authenticator: Authenticator, problem: string): Authenticator {
  check(() => authenticator('nonce'), problem);
  return authenticator;
}

/** What it throws is not passed on: there may be a secret in it. @throws NatsCredentialsError */
function check(attempt: () => unknown, problem: string): void {
  try {
    attempt();
  } catch {
    throw new NatsCredentialsError(problem);
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new NatsCredentialsError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Files are named, not given: they are read again for every connection, as they may have been replaced. */
async function tlsOf({ urls, tlsCa, tlsCert, tlsKey }: NatsOptions): Promise<TlsOptions | undefined> {
  if (tlsCa !== undefined) {
    const ca = await read(tlsCa);
    check(() => new X509Certificate(ca), `${tlsCa} is no certificate in PEM`);
  }
  if (tlsCert !== undefined && tlsKey !== undefined) {
    const [cert, key] = [await read(tlsCert), await read(tlsKey)];
    check(() => createSecureContext({ cert, key }), `${tlsCert} and ${tlsKey} are no certificate and its key in PEM`);
  }
  // Without these options a server that has no TLS would be shown the password, whatever the URL says.
  if (tlsCa === undefined && tlsCert === undefined) return urls.some(isTlsUrl) ? {} : undefined;
  return {
    ...(tlsCa !== undefined && { caFile: tlsCa }),
    ...(tlsCert !== undefined && { certFile: tlsCert }),
    ...(tlsKey !== undefined && { keyFile: tlsKey }),
  };
}

function isTlsUrl(url: string): boolean {
  return /^tls:/i.test(url);
}
