import type { Msg } from '@nats-io/transport-node';
import type { NatsClient } from './nats-client.ts';
import { StreamUnavailableError } from './stream.ts';

const TIMEOUT_MS = 5000;
/** Of the pods of a cluster one answers. */
const QUEUE = 'etherply';

/** Asks one of the pods that serve a subject. @throws StreamUnavailableError where it is unknown whether it did what it was asked */
export async function request(nats: NatsClient, subject: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { connection } = nats;
  if (connection === undefined) throw new StreamUnavailableError(nats.problem);
  try {
    return (await connection.request(subject, bytes, { timeout: TIMEOUT_MS })).data;
  } catch (error) {
    throw new StreamUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The most bytes that one request may have. @throws StreamUnavailableError where NATS has not been reached yet */
export function maxRequestBytes({ connection, problem }: NatsClient): number {
  const bytes = connection?.info?.max_payload;
  if (bytes === undefined) throw new StreamUnavailableError(problem);
  return bytes;
}

/** Answers what is asked on a subject, as one of several that could; who gets no answer asks again. Gives what ends it. */
export function serve(
  nats: NatsClient,
  subject: string,
  answer: (bytes: Uint8Array) => Promise<Uint8Array>,
  failed: (error: unknown) => void,
): () => void {
  const received = (message: Msg) => {
    answer(message.data).then((bytes) => message.respond(bytes), failed);
  };
  return nats.subscribe(subject, received, QUEUE);
}
