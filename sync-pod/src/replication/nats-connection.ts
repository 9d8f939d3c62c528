import { readFile } from 'node:fs/promises';
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

/** A file with what NATS is to be shown cannot be read. */
export class NatsCredentialsError extends Error {
  override readonly name = 'NatsCredentialsError';
}

const RECONNECT_MS = 250;
/** So that pods do not all come back in the same moment. */
const JITTER_MS = 750;
const PING_MS = 10_000;

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
      pingInterval: PING_MS,
      maxPingOut: 2,
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
  if (nkeyFile !== undefined) return nkeyAuthenticator(Buffer.from((await read(nkeyFile)).toString().trim()));
  if (credsFile !== undefined) return credsAuthenticator(await read(credsFile));
  return undefined;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new NatsCredentialsError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

async function tlsOf({ tlsCa, tlsCert, tlsKey }: NatsOptions): Promise<TlsOptions | undefined> {
  if (tlsCa === undefined && tlsCert === undefined) return undefined;
  for (const file of [tlsCa, tlsCert, tlsKey]) if (file !== undefined) await read(file);
  return {
    ...(tlsCa !== undefined && { caFile: tlsCa }),
    ...(tlsCert !== undefined && { certFile: tlsCert }),
    ...(tlsKey !== undefined && { keyFile: tlsKey }),
  };
}
