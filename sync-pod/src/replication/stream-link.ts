import {
  ensureStream,
  isThere,
  requirePayloadBucket,
  requireStream,
  StreamConfigError,
  StreamNotReadyError,
  type StreamOptions,
} from '@etherply/stream';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsClient } from './nats-client.ts';
import type { PodConsumer } from './pod-consumer.ts';
import { StreamUnavailableError } from './stream.ts';

export interface LinkOptions extends StreamOptions {
  /** Whether this pod makes and changes the stream and its bucket; where it does not, it waits for them. */
  readonly isManaged: boolean;
}

/** Told of how it is with the stream. */
export interface StreamObserver {
  /** It can be reached, at first or again. */
  readonly connected: () => void;
  readonly disconnected: (reason: string) => void;
}

/** For so long an answer of NATS is waited for. */
export const TIMEOUT_MS = 5000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 2000;
/** nats-server removes the files of a stream after it has said that it is gone, with those of one that is made too early. */
const REMAKE_MS = 1000;

/** The way to the stream: makes it what it is to be whenever NATS can be reached, and knows whether it can be used. */
export class StreamLink {
  readonly #nats: NatsClient;
  readonly #options: LinkOptions;
  readonly #observer: StreamObserver;
  readonly #consumer: PodConsumer | undefined;
  #client: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  #problem = '';
  #isReady = false;
  #isClosed = false;
  #ensuring = 0;

  /** @param consumer what this pod has of the stream, where that forgets what every pod has */
  constructor(nats: NatsClient, options: LinkOptions, observer: StreamObserver, consumer: PodConsumer | undefined) {
    this.#nats = nats;
    this.#options = options;
    this.#observer = observer;
    this.#consumer = consumer;
    nats.observe({
      connected: (connection) => {
        this.#client ??= jetstream(connection, { timeout: TIMEOUT_MS });
        void this.#ensure(connection);
      },
      disconnected: () => this.#lost('the connection to NATS is lost'),
    });
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why the stream cannot be used, in words for whoever runs it; undefined where it can. */
  get problem(): string | undefined {
    return this.#isReady ? undefined : (this.#nats.problem ?? this.#problem);
  }

  /** What the stream is used with. @throws StreamUnavailableError where it cannot be */
  use(): { readonly client: JetStreamClient; readonly manager: JetStreamManager } {
    const [client, manager] = [this.#client, this.#manager];
    if (!this.#isReady || client === undefined || manager === undefined) {
      throw new StreamUnavailableError(this.problem);
    }
    return { client, manager };
  }

  /** What a failed use of the stream amounts to. Where the stream is gone, whoever deleted it, it is made again. */
  unavailable(error: unknown): StreamUnavailableError {
    const { connection } = this.#nats;
    if (this.#isReady && connection !== undefined && isGone(error)) {
      this.#lost('the stream is gone');
      void this.#ensure(connection, REMAKE_MS);
    }
    if (error instanceof StreamUnavailableError) return error;
    return new StreamUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }

  close(): void {
    this.#isClosed = true;
    this.#isReady = false;
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

/** The server answers, and nobody there knows the stream. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /no responders|not enabled|(stream|consumer) not found/.test(error.message);
}
