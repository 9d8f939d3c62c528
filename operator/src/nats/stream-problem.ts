import { StreamConfigError } from '@etherply/stream';
import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, PermissionViolationError, TimeoutError } from '@nats-io/transport-node';
import type { NatsAccess } from './nats-access.ts';
import { NatsConnectionError } from './nats-connection.ts';
import type { StreamFacts } from './stream-facts.ts';

type Problem = Extract<StreamFacts, { readonly state: 'unreachable' | 'refused' }>;

/** What to do about an answer of JetStream, by its code: https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const ADVICE: Readonly<Record<number, string>> = {
  10002: 'raise the limits of the account, or set spec.stream.maxBytes',
  10023: 'give the servers more storage, or set less with spec.stream.maxBytes or spec.stream.replicas',
  10028: 'raise the limits of the account',
  10039: 'enable JetStream for the account of the operator and of the pods',
  10047: 'give the servers more storage, or set less with spec.stream.maxBytes',
  10052: 'look at spec.stream',
  10065: 'choose another spec.stream.name, or delete the stream that has these subjects',
  10074: 'set spec.stream.replicas to 1, or run three servers as a cluster',
  10076: 'enable JetStream on the servers',
  10113: 'set spec.stream.maxBytes: the account asks for it',
  10120: 'enable JetStream for the account of the operator and of the pods',
  10122: 'set spec.stream.maxBytes to what the account allows',
};
/** Servers that begin, or have lost their leader, mend this by themselves. */
const PASSING = new Set([10008, 10009, 10049]);

/** What went wrong with a stream, for a person. @throws what is a bug, as it is */
export function problemOf(error: unknown, stream: string, { servers, source }: NatsAccess): Problem {
  const at = servers.join(', ');
  if (error instanceof TypeError || error instanceof RangeError) throw error;
  if (error instanceof NatsConnectionError) return { state: 'unreachable', message: error.message };
  if (error instanceof StreamConfigError) return { state: 'refused', message: error.message };
  if (error instanceof JetStreamApiError) {
    const message = `NATS does not make the stream ${stream} what it is to be: ${error.message}`;
    if (PASSING.has(error.code)) return { state: 'unreachable', message };
    return { state: 'refused', message: `${message}: ${ADVICE[error.code] ?? 'look at spec.stream and spec.nats'}` };
  }
  const permission = causeOf(error, PermissionViolationError);
  if (permission !== undefined) {
    const message = `NATS does not allow ${permission.operation} of ${permission.subject} to whom ${source} names: allow it`;
    return { state: 'refused', message };
  }
  if (error instanceof NoRespondersError || isJetStreamAbsent(error)) {
    const advice = 'enable it where this lasts; servers that have just begun need a moment';
    return { state: 'unreachable', message: `JetStream does not answer at ${at}: ${advice}` };
  }
  if (error instanceof TimeoutError) return { state: 'unreachable', message: `NATS does not answer in time at ${at}` };
  // What else there is comes of a connection that ended in between.
  return { state: 'unreachable', message: `NATS at ${at}: ${error instanceof Error ? error.message : error}` };
}

function isJetStreamAbsent(error: unknown): boolean {
  return error instanceof Error && /jetstream is not enabled|no responders/i.test(error.message);
}

function causeOf<T extends Error>(error: unknown, kind: new (...args: never[]) => T): T | undefined {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof kind) return one;
  return undefined;
}
