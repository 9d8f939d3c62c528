import type { z } from 'zod';
import type { nats } from '../api/nats.ts';

/** Where the NATS servers of a cluster are, and as whom to come to them. It has secrets in it: it is not for logs. */
export interface NatsAccess {
  readonly servers: readonly string[];
  /** Undefined: as nobody. */
  readonly credentials: NatsCredentials | undefined;
  /** Undefined: the URLs alone say whether there is TLS. In PEM. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
  /** Where a person looks when the credentials are refused: `Secret chat-nats`. */
  readonly source: string;
}

export type NatsCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** Its seed. */
  | { readonly nkey: string }
  /** The text of a credentials file. */
  | { readonly creds: string };

/** It is not known yet how to connect. */
export interface NatsAccessProblem {
  /** Why, for a person, and what to do. */
  readonly problem: string;
}

/** What is in Secrets of the namespace, by name. */
export type Secrets = ReadonlyMap<string, Readonly<Record<string, Buffer>>>;

interface Given {
  readonly name: string;
  readonly nats: z.infer<typeof nats>;
  readonly secrets: Secrets;
  /** Addresses of the pods of the managed servers, those that have one. */
  readonly podIps: readonly string[];
}

type External = NonNullable<Given['nats']['external']>;

const PORT = 4222;

/** How the operator connects to the NATS servers of the cluster of this name. */
export function natsAccessOf({ name, nats, secrets, podIps }: Given): NatsAccess | NatsAccessProblem {
  try {
    return nats.external === undefined ? managed(name, secrets, podIps) : external(nats.external, secrets);
  } catch (error) {
    if (error instanceof MissingError) return { problem: error.message };
    throw error;
  }
}

function managed(name: string, secrets: Secrets, podIps: readonly string[]): NatsAccess {
  const secret = `${name}-nats`;
  if (podIps.length === 0) {
    throw new MissingError(`no pod of StatefulSet ${secret} has an address yet: look at its pods where this lasts`);
  }
  return {
    servers: podIps.map((ip) => `nats://${ip.includes(':') ? `[${ip}]` : ip}:${PORT}`),
    credentials: { user: textOf(secrets, secret, 'user'), password: textOf(secrets, secret, 'password') },
    tls: undefined,
    source: `Secret ${secret}`,
  };
}

function external({ servers, credentials, tls }: External, secrets: Secrets): NatsAccess {
  const { caRef, certificateRef } = tls ?? {};
  return {
    servers,
    ...shown(credentials, secrets),
    tls: tls && {
      ...(caRef && { ca: textOf(secrets, caRef.name, caRef.key) }),
      ...(certificateRef && {
        cert: textOf(secrets, certificateRef.name, 'tls.crt'),
        key: textOf(secrets, certificateRef.name, 'tls.key'),
      }),
    },
  };
}

function shown(given: External['credentials'], secrets: Secrets): Pick<NatsAccess, 'credentials' | 'source'> {
  const { userRef, tokenRef, nkeyRef, credsRef } = given ?? {};
  if (userRef !== undefined) {
    const credentials = {
      user: textOf(secrets, userRef.name, 'user'),
      password: textOf(secrets, userRef.name, 'password'),
    };
    return { credentials, source: `Secret ${userRef.name}` };
  }
  const ref = tokenRef ?? nkeyRef ?? credsRef;
  if (ref === undefined) return { credentials: undefined, source: 'spec.nats.external.credentials, which is unset' };
  const text = textOf(secrets, ref.name, ref.key);
  const credentials =
    tokenRef !== undefined ? { token: text } : nkeyRef !== undefined ? { nkey: text } : { creds: text };
  return { credentials, source: `key ${ref.key} of Secret ${ref.name}` };
}

class MissingError extends Error {
  override readonly name = 'MissingError';
}

/** @throws MissingError */
function textOf(secrets: Secrets, secret: string, key: string): string {
  const data = secrets.get(secret);
  if (data === undefined) throw new MissingError(`Secret ${secret} is not there: make it, with the key ${key}`);
  const text = (data[key]?.toString() ?? '').trim();
  if (text === '') throw new MissingError(`Secret ${secret} has nothing under the key ${key}: put it in`);
  return text;
}
