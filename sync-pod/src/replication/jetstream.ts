import { randomUUID } from 'node:crypto';
import type { WorkspaceId } from '@etherply/protocol';
import { liveSubjectOf, subjectOf } from '@etherply/stream';
import { JetStreamApiError, type JetStreamPublishOptions, type StoredMsg } from '@nats-io/jetstream';
import { deadline, type MsgHdrs } from '@nats-io/transport-node';
import type { NatsClient } from './nats-client.ts';
import { PayloadStore } from './payload-store.ts';
import type { PodConsumer } from './pod-consumer.ts';
import { PublishOrder } from './publish-order.ts';
import { readBatch } from './read-batch.ts';
import {
  type LiveMessage,
  MissingPayloadError,
  type Publication,
  type Stream,
  type StreamFacts,
  type StreamMessage,
  WrongSequenceError,
} from './stream.ts';
import { type LinkOptions, StreamLink, type StreamObserver } from './stream-link.ts';
import { headersOf, messageOf, objectOf } from './stream-message.ts';

const WRONG_SEQUENCE = new Set([10071, 10164]);
/** Of what a server takes in one message, so much is left for headers and subject. */
const HEADER_BYTES = 1024;
const PAYLOAD_TIMEOUT_MS = 60_000;
/** For so long one that was full counts as full: a pod tries again more often, and what is small may still fit. */
const REFUSAL_MS = 10_000;
const STORE_FAILED = 10077;
const FULL = 'the stream is full: raise ETHERPLY_STREAM_MAX_BYTES, or the limits of NATS';

/** The stream of a cluster, in NATS JetStream. */
export class JetStream implements Stream {
  readonly origin: string;
  readonly origins: readonly string[];
  readonly #nats: NatsClient;
  readonly #cluster: string;
  readonly #link: StreamLink;
  readonly #consumer: PodConsumer | undefined;
  readonly #payloads: PayloadStore;
  readonly #payloadsOf: ReadonlyMap<string, PayloadStore>;
  readonly #order = new PublishOrder();
  #refusedAt = Number.NEGATIVE_INFINITY;

  /**
   * Whenever the connection comes, makes the stream what it is to be, or waits until somebody has.
   * @param consumer where the stream keeps only what some pod does not have yet: what this one does not have
   */
  constructor(nats: NatsClient, options: LinkOptions, observer: StreamObserver, consumer?: PodConsumer) {
    this.#nats = nats;
    this.#cluster = options.cluster;
    this.#consumer = consumer;
    this.origin = options.cluster;
    this.origins = [options.cluster, ...options.regions.map(({ name }) => name)];
    const { cluster, replicas, regions, isManaged } = options;
    this.#payloads = isManaged
      ? PayloadStore.made(nats, { cluster, replicas })
      : PayloadStore.found(nats, { cluster, domain: undefined });
    const others = regions.map(
      ({ name, domain }) => [name, PayloadStore.found(nats, { cluster: name, domain })] as const,
    );
    this.#payloadsOf = new Map([[cluster, this.#payloads], ...others]);
    const watched = {
      connected: () => {
        for (const payloads of this.#payloadsOf.values()) payloads.forget();
        observer.connected();
      },
      disconnected: (reason: string) => observer.disconnected(reason),
    };
    this.#link = new StreamLink(nats, options, watched, consumer);
  }

  get forgets(): boolean {
    return this.#consumer !== undefined;
  }

  get isConnected(): boolean {
    return this.#link.isReady;
  }

  /** Why it cannot be used, in words for whoever runs it; undefined where it can. */
  get problem(): string | undefined {
    return this.#link.problem;
  }

  /** Why it takes nothing, or not everything, although it can be reached, in words for whoever runs it; else undefined. */
  get refusal(): string | undefined {
    return performance.now() < this.#refusedAt + REFUSAL_MS ? FULL : undefined;
  }

  get payloads(): PayloadStore {
    return this.#payloads;
  }

  async publish(workspace: WorkspaceId, publication: Publication): Promise<number> {
    const { bytes, id, expected } = publication;
    const subject = subjectOf(this.#cluster, workspace);
    const isLarge = bytes.length > this.#maxPayload - HEADER_BYTES;
    const hdrs = headersOf(publication, isLarge ? id : undefined, !this.forgets);
    const kept = isLarge ? this.#payloads.put(id, subject, bytes) : undefined;
    const send = () => this.#put(subject, isLarge ? undefined : bytes, { msgID: id, headers: hdrs }, expected);
    try {
      const seq = await this.#order.send(subject, kept, send);
      // It may have been swept away between the two.
      if (isLarge && !(await this.#payloads.has(id))) await this.#payloads.put(id, subject, bytes);
      return seq;
    } catch (error) {
      if (isWrongSequence(error)) throw new WrongSequenceError(`${subject}: ${error.message}`);
      if (isFull(error)) this.#refusedAt = performance.now();
      throw error instanceof WrongSequenceError ? error : this.#link.unavailable(error);
    }
  }

  async #put(
    subject: string,
    bytes: Uint8Array | undefined,
    options: Pick<JetStreamPublishOptions, 'msgID' | 'headers'>,
    expected: number | undefined,
  ): Promise<number> {
    for (;;) {
      const { client } = this.#link.use();
      const last = expected === undefined ? undefined : await this.#lastUpTo(subject, expected);
      const expect = last === undefined ? {} : { expect: { lastSubjectSequence: last } };
      try {
        return (await client.publish(subject, bytes, { ...options, ...expect })).seq;
      } catch (error) {
        // The one that was the last may have gone because now every pod has it: then another one is.
        if (last === expected || !isWrongSequence(error)) throw error;
      }
    }
  }

  /**
   * The number that the stream takes for the last one of a subject where `expected` is the last that came in.
   * @throws WrongSequenceError where another has come in since
   */
  async #lastUpTo(subject: string, expected: number): Promise<number> {
    if (!this.forgets) return expected;
    // Not from a replica that may be behind.
    const { manager } = this.#link.use();
    const last = await manager.streams.getMessage(this.#cluster, { last_by_subj: subject });
    if (last !== null && last.seq > expected) throw new WrongSequenceError(`${subject}: ${last.seq} is in`);
    return last?.seq ?? 0;
  }

  async *read(workspace: WorkspaceId, origin: string, first: number): AsyncGenerator<StreamMessage> {
    const subject = subjectOf(origin, workspace);
    for (let next = Math.max(1, first), isMore = true; isMore; ) {
      isMore = false;
      const batch = await this.#batch(next, subject);
      for (const message of batch) {
        next = message.seq + 1;
        isMore = true;
        yield this.#messageOf(subject, message.seq, message.header, message.data);
      }
    }
  }

  async idAt(sequence: number): Promise<string | undefined> {
    try {
      const { manager } = this.#link.use();
      return (await manager.streams.getMessage(this.#cluster, { seq: sequence }))?.header.get('Nats-Msg-Id');
    } catch (error) {
      throw this.#link.unavailable(error);
    }
  }

  /** The objects that messages of a subject name. */
  async #namedOn(subject: string): Promise<Set<string>> {
    const named = new Set<string>();
    for (let next = 1, batch = await this.#batch(next, subject); batch.length > 0; ) {
      for (const { seq, header } of batch) {
        named.add(objectOf(header));
        next = seq + 1;
      }
      batch = await this.#batch(next, subject);
    }
    return named;
  }

  async #batch(first: number, subject: string): Promise<StoredMsg[]> {
    try {
      return await readBatch(this.#link.use().manager, this.#cluster, first, subject);
    } catch (error) {
      throw this.#link.unavailable(error);
    }
  }

  subscribe(workspace: WorkspaceId, received: (message: LiveMessage) => void): () => void {
    const liveTokens = `${this.#cluster}.live.`.length;
    return this.#nats.subscribe(liveSubjectOf(this.#cluster, workspace), (message) => {
      if (message.headers === undefined) return; // somebody else's
      const { headers: hdrs, data } = message;
      const sequence = Number(hdrs.get('Nats-Sequence'));
      const previous = Number(hdrs.get('Nats-Last-Sequence'));
      const subject = message.subject.slice(liveTokens);
      received({ ...this.#messageOf(subject, sequence, hdrs, data), previous });
    });
  }

  /**
   * Deletes the objects that no message names any more.
   * @param olderThan Unix milliseconds; a message may be about to name a younger one
   * @returns how many
   * @throws StreamUnavailableError
   */
  async sweepPayloads(olderThan: number): Promise<number> {
    try {
      this.#link.use();
      const old = await this.#payloads.olderThan(olderThan);
      let deleted = 0;
      for (const subject of new Set(old.map((object) => object.subject))) {
        const named = await this.#namedOn(subject);
        for (const { name } of old.filter((object) => object.subject === subject && !named.has(object.name))) {
          if (await this.#payloads.deleteOlderThan(name, olderThan)) deleted += 1;
        }
      }
      return deleted;
    } catch (error) {
      throw this.#link.unavailable(error);
    }
  }

  /** @throws StreamUnavailableError */
  async facts(): Promise<StreamFacts> {
    try {
      const { created, state } = await this.#link.use().manager.streams.info(this.#cluster);
      const losses = (await this.#consumer?.losses()) ?? [];
      // With another consumer it is another stream to this pod: what that was not there for may have gone.
      const since = [created, this.#consumer?.created ?? []].flat().join();
      return { created: since, lastSequence: state.last_seq, losses };
    } catch (error) {
      throw this.#link.unavailable(error);
    }
  }

  /** Lets the other pods know that the stream lacks what it had. @throws StreamUnavailableError */
  async tellLoss(): Promise<void> {
    try {
      await this.#consumer?.tellLoss(randomUUID());
    } catch (error) {
      throw this.#link.unavailable(error);
    }
  }

  close(): void {
    this.#link.close();
  }

  get #maxPayload(): number {
    return this.#nats.connection?.info?.max_payload ?? 1 << 20;
  }

  #messageOf(subject: string, sequence: number, hdrs: MsgHdrs, data: Uint8Array): StreamMessage {
    return messageOf(subject, sequence, hdrs, data, (origin, name) => this.#payload(origin, name));
  }

  async #payload(origin: string, name: string): Promise<Uint8Array> {
    let reason = 'it is not there';
    try {
      this.#link.use();
      // What is lost on the way to another region is not asked for again by itself.
      const fetched = this.#payloadsOf.get(origin)?.get(name);
      const bytes = fetched && (await deadline(fetched, PAYLOAD_TIMEOUT_MS));
      if (bytes !== undefined) return bytes;
    } catch (error) {
      // Another region may be out of reach while the own stream is not.
      const isForeign = origin !== this.origin && this.isConnected;
      const problem = isForeign ? error : this.#link.unavailable(error);
      if (!this.isConnected) throw problem;
      reason = problem instanceof Error ? problem.message : String(problem);
    }
    throw new MissingPayloadError(`the object ${name} of the stream of ${origin} cannot be read: ${reason}`);
  }
}

function isWrongSequence(error: unknown): error is JetStreamApiError {
  return error instanceof JetStreamApiError && WRONG_SEQUENCE.has(error.code);
}

/** A limit of the stream, or of what is around it, would be exceeded. */
function isFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STORE_FAILED;
}
