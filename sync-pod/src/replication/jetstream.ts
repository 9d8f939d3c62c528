import { randomUUID } from 'node:crypto';
import type { WorkspaceId } from '@etherply/protocol';
import {
  ensureStream,
  isThere,
  liveSubjectOf,
  originOf,
  requirePayloadBucket,
  requireStream,
  StreamConfigError,
  StreamNotReadyError,
  type StreamOptions,
  subjectOf,
} from '@etherply/stream';
import {
  type CompletionResult,
  JetStreamApiError,
  type JetStreamClient,
  JetStreamError,
  type JetStreamManager,
  type JetStreamPublishOptions,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import type { NatsClient } from './nats-client.ts';
import { PayloadStore } from './payload-store.ts';
import type { PodConsumer } from './pod-consumer.ts';
import { PublishOrder } from './publish-order.ts';
import {
  type LiveMessage,
  type Publication,
  type Rollup,
  type Stream,
  type StreamMessage,
  StreamUnavailableError,
  WrongSequenceError,
} from './stream.ts';

/** What tells one stream from another, and from what it was before. */
interface Facts {
  readonly created: string;
  readonly lastSequence: number;
  readonly losses: readonly string[];
}

export interface JetStreamOptions extends StreamOptions {
  /** Whether this pod makes and changes the stream and its bucket; where it does not, it waits for them. */
  readonly isManaged: boolean;
}

/** Told of how it is with the stream. */
export interface StreamObserver {
  /** It can be reached, at first or again. */
  readonly connected: () => void;
  readonly disconnected: (reason: string) => void;
}

const WRONG_SEQUENCE = new Set([10071, 10164]);
const NO_MESSAGES = 404;
const AFTER_HEADER = 'EtherPly-After';
const ROLLUP_HEADER = 'EtherPly-Rollup';
const rollups: readonly Rollup[] = ['summary', 'reset'];
const OBJECT_HEADER = 'EtherPly-Object';
/** Of what a server takes in one message, so much is left for headers and subject. */
const HEADER_BYTES = 1024;
const BATCH = 256;
const BATCH_BYTES = 4 << 20;
const TIMEOUT_MS = 5000;
const PAYLOAD_TIMEOUT_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 2000;
/** For so long one that was full counts as full: a pod tries again more often, and what is small may still fit. */
const REFUSAL_MS = 10_000;
const STORE_FAILED = 10077;
const FULL = 'the stream is full: raise ETHERPLY_STREAM_MAX_BYTES, or the limits of NATS';
/** nats-server removes the files of a stream after it has said that it is gone, with those of one that is made too early. */
const REMAKE_MS = 1000;

/** The stream of a cluster, in NATS JetStream. */
export class JetStream implements Stream {
  readonly origin: string;
  readonly origins: readonly string[];
  readonly #nats: NatsClient;
  readonly #options: JetStreamOptions;
  readonly #observer: StreamObserver;
  readonly #consumer: PodConsumer | undefined;
  readonly #payloads: PayloadStore;
  readonly #payloadsOf: ReadonlyMap<string, PayloadStore>;
  readonly #order = new PublishOrder();
  #client: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  #problem = '';
  #refusedAt = Number.NEGATIVE_INFINITY;
  #isReady = false;
  #isClosed = false;
  #ensuring = 0;

  /**
   * Whenever the connection comes, makes the stream what it is to be, or waits until somebody has.
   * @param consumer where the stream keeps only what some pod does not have yet: what this one does not have
   */
  constructor(nats: NatsClient, options: JetStreamOptions, observer: StreamObserver, consumer?: PodConsumer) {
    this.#nats = nats;
    this.#options = options;
    this.#observer = observer;
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
    nats.observe({
      connected: (connection) => {
        this.#client ??= jetstream(connection, { timeout: TIMEOUT_MS });
        void this.#ensure(connection);
      },
      disconnected: () => this.#lost('the connection to NATS is lost'),
    });
  }

  get forgets(): boolean {
    return this.#consumer !== undefined;
  }

  get isConnected(): boolean {
    return this.#isReady;
  }

  /** Why it cannot be used, in words for whoever runs it; undefined where it can. */
  get problem(): string | undefined {
    return this.#isReady ? undefined : (this.#nats.problem ?? this.#problem);
  }

  /** Why it takes nothing, or not everything, although it can be reached, in words for whoever runs it; else undefined. */
  get refusal(): string | undefined {
    return performance.now() < this.#refusedAt + REFUSAL_MS ? FULL : undefined;
  }

  get payloads(): PayloadStore {
    return this.#payloads;
  }

  async publish(workspace: WorkspaceId, publication: Publication): Promise<number> {
    const { bytes, id, expected, rollup, after } = publication;
    const subject = subjectOf(this.#options.cluster, workspace);
    const hdrs = headers();
    if (rollup !== undefined) {
      // Purging takes other messages from consumers, too: docs/decisions/0033-no-purge-under-consumers.md
      if (!this.forgets) hdrs.set('Nats-Rollup', 'sub');
      hdrs.set(ROLLUP_HEADER, rollup);
      if (after !== undefined) hdrs.set(AFTER_HEADER, after);
    }
    const isLarge = bytes.length > this.#maxPayload - HEADER_BYTES;
    if (isLarge) hdrs.set(OBJECT_HEADER, id);
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
      throw error instanceof WrongSequenceError ? error : this.#unavailable(error);
    }
  }

  async #put(
    subject: string,
    bytes: Uint8Array | undefined,
    options: Pick<JetStreamPublishOptions, 'msgID' | 'headers'>,
    expected: number | undefined,
  ): Promise<number> {
    for (;;) {
      const { client } = this.#mustBeReady();
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
    const { manager } = this.#mustBeReady();
    const last = await manager.streams.getMessage(this.#options.cluster, { last_by_subj: subject });
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
      const { manager } = this.#mustBeReady();
      return (await manager.streams.getMessage(this.#options.cluster, { seq: sequence }))?.header.get('Nats-Msg-Id');
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** The objects that messages of a subject name. */
  async #namedOn(subject: string): Promise<Set<string>> {
    const named = new Set<string>();
    for (let next = 1, batch = await this.#batch(next, subject); batch.length > 0; ) {
      for (const { seq, header } of batch) {
        named.add(header.get(OBJECT_HEADER));
        next = seq + 1;
      }
      batch = await this.#batch(next, subject);
    }
    return named;
  }

  async #batch(first: number, subject: string): Promise<StoredMsg[]> {
    const batch: StoredMsg[] = [];
    const { manager } = this.#mustBeReady();
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        // Where the connection is lost in between, the rest never comes.
        timer = setTimeout(() => stop(new Error('the stream did not answer in time')), TIMEOUT_MS);
        let stop = reject;
        // As an iterator it would never give up its subscription.
        const callback = (done: CompletionResult | null, message: StoredMsg) => {
          if (done === null) {
            timer?.refresh();
            batch.push(message);
          } else if (done.err === undefined) resolve();
          else reject(done.err);
        };
        const query = { seq: first, next_by_subj: subject, batch: BATCH, max_bytes: BATCH_BYTES, callback };
        manager.direct.getBatch(this.#options.cluster, query).then((messages) => {
          stop = (error) => messages.stop(error);
        }, reject);
      });
      return batch;
    } catch (error) {
      if (error instanceof JetStreamError && 'code' in error && error.code === NO_MESSAGES) return [];
      throw this.#unavailable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  subscribe(workspace: WorkspaceId, received: (message: LiveMessage) => void): () => void {
    const liveTokens = `${this.#options.cluster}.live.`.length;
    return this.#nats.subscribe(liveSubjectOf(this.#options.cluster, workspace), (message) => {
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
      this.#mustBeReady();
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
      throw this.#unavailable(error);
    }
  }

  /** @throws StreamUnavailableError */
  async facts(): Promise<Facts> {
    try {
      const { created, state } = await this.#mustBeReady().manager.streams.info(this.#options.cluster);
      const losses = (await this.#consumer?.losses()) ?? [];
      // With another consumer it is another stream to this pod: what that was not there for may have gone.
      const since = [created, this.#consumer?.created ?? []].flat().join();
      return { created: since, lastSequence: state.last_seq, losses };
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** Lets the other pods know that the stream lacks what it had. @throws StreamUnavailableError */
  async tellLoss(): Promise<void> {
    try {
      await this.#consumer?.tellLoss(randomUUID());
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
  }

  get #maxPayload(): number {
    return this.#nats.connection?.info?.max_payload ?? 1 << 20;
  }

  #messageOf(subject: string, sequence: number, hdrs: MsgHdrs, data: Uint8Array): StreamMessage {
    const object = hdrs.get(OBJECT_HEADER);
    return {
      origin: originOf(subject),
      sequence,
      id: hdrs.get('Nats-Msg-Id'),
      after: hdrs.get(AFTER_HEADER) || undefined,
      rollup: rollups.find((rollup) => rollup === hdrs.get(ROLLUP_HEADER)),
      content: () => (object === '' ? data : this.#payload(originOf(subject), object)),
    };
  }

  async #payload(origin: string, name: string): Promise<Uint8Array> {
    let bytes: Uint8Array | undefined;
    try {
      this.#mustBeReady();
      // What is lost on the way to another region is not asked for again by itself.
      bytes = await inTime(this.#payloadsOf.get(origin)?.get(name), PAYLOAD_TIMEOUT_MS);
    } catch (error) {
      throw this.#unavailable(error);
    }
    if (bytes === undefined) throw new StreamUnavailableError(`the object ${name} is not there`);
    return bytes;
  }

  #lost(reason: string): void {
    this.#problem = reason;
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#observer.disconnected(reason);
  }

  /** Goes on until the stream is there: also where JetStream is not ready yet, or somebody has to change something. */
  async #ensure(connection: NatsConnection, afterMs = 0): Promise<void> {
    this.#ensuring += 1;
    const turn = this.#ensuring;
    const isWanted = () => turn === this.#ensuring && !this.#isClosed;
    if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs).unref());
    for (let retryMs = FIRST_RETRY_MS; isWanted(); retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        this.#manager ??= await jetstreamManager(connection, { timeout: TIMEOUT_MS });
        const isComplete = await this.#stand(connection, this.#manager);
        // Before anything is published: what comes in while there is no consumer is gone at once.
        await this.#consumer?.ensure(this.#manager);
        if (!isWanted()) return;
        if (!this.#isReady) {
          for (const payloads of this.#payloadsOf.values()) payloads.forget();
          this.#isReady = true;
          this.#observer.connected();
        }
        if (isComplete) return;
        retryMs = LAST_RETRY_MS;
      } catch (error) {
        this.#problem = problemOf(error);
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
    }
  }

  /** Makes the stream, or sees that it is there. False: it is to become more when other regions can be reached. */
  async #stand(connection: NatsConnection, manager: JetStreamManager): Promise<boolean> {
    const { isManaged, cluster, regions } = this.#options;
    if (isManaged) {
      const reachable = await this.#reachableRegions(connection);
      await ensureStream(manager, this.#options, reachable);
      return reachable.length === regions.length;
    }
    await requireStream(manager, this.#options);
    await requirePayloadBucket(manager, cluster);
    return true;
  }

  async #reachableRegions(connection: NatsConnection): Promise<string[]> {
    const asked = this.#options.regions.map(async ({ name, domain }) => {
      const options = { timeout: TIMEOUT_MS, checkAPI: false, ...(domain !== undefined && { domain }) };
      return (await isThere(await jetstreamManager(connection, options), name)) ? name : [];
    });
    return (await Promise.all(asked)).flat();
  }

  /** @throws StreamUnavailableError */
  #mustBeReady(): { readonly client: JetStreamClient; readonly manager: JetStreamManager } {
    const [client, manager] = [this.#client, this.#manager];
    if (!this.#isReady || client === undefined || manager === undefined) {
      throw new StreamUnavailableError(this.problem);
    }
    return { client, manager };
  }

  #unavailable(error: unknown): StreamUnavailableError {
    // Whoever deleted it, it is made again.
    const { connection } = this.#nats;
    if (this.#isReady && connection !== undefined && isGone(error)) {
      this.#lost('the stream is gone');
      void this.#ensure(connection, REMAKE_MS);
    }
    if (error instanceof StreamUnavailableError) return error;
    return new StreamUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** What keeps the stream from being used, with what to do about it. */
function problemOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof StreamNotReadyError) return `${reason}: waiting for whoever manages it (ETHERPLY_MANAGE_STREAM)`;
  if (error instanceof StreamConfigError) {
    return `${reason}: set ETHERPLY_STREAM_RETENTION, or choose another ETHERPLY_CLUSTER`;
  }
  return `the stream cannot be used: ${reason}`;
}

function isWrongSequence(error: unknown): error is JetStreamApiError {
  return error instanceof JetStreamApiError && WRONG_SEQUENCE.has(error.code);
}

/** A limit of the stream, or of what is around it, would be exceeded. */
function isFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STORE_FAILED;
}

/** The server answers, and nobody there knows the stream. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /no responders|not enabled|(stream|consumer) not found/.test(error.message);
}

async function inTime<T>(work: Promise<T> | undefined, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
