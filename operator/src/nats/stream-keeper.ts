import { createHash } from 'node:crypto';
import {
  COMPLETE_KEY,
  ensurePayloadBucket,
  ensureStream,
  isPodConsumer,
  isThere,
  payloadStreamOf,
  podConsumerOf,
  type StreamChange,
  type StreamOptions,
  streamInfo,
} from '@etherply/stream';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import pLimit from 'p-limit';
import type { NatsAccess } from './nats-access.ts';
import { connectTo } from './nats-connection.ts';
import type { StreamFacts } from './stream-facts.ts';
import { notOurs, refusalOf, type StreamRequest } from './stream-policy.ts';
import { problemOf } from './stream-problem.ts';

/** How it went with deleting a stream. */
export type StreamDeletion =
  /** There is none any more. */
  { readonly state: 'deleted' } | Exclude<StreamFacts, { readonly state: 'ready' | 'unknown' }>;

interface Link {
  /** Changes with the access, and tells nothing of it. */
  readonly access: string;
  readonly connection: Promise<NatsConnection>;
}

interface Options {
  /** For so long one answer may take. */
  readonly timeoutMs?: number;
  /** So many connections are made at once. */
  readonly parallel?: number;
}

/** The streams of all clusters: makes them, keeps them as they are to be, and deletes them; one connection for each cluster. */
export class StreamKeeper {
  readonly #timeoutMs: number;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #links = new Map<string, Link>();

  constructor({ timeoutMs = 3000, parallel = 16 }: Options = {}) {
    this.#timeoutMs = timeoutMs;
    this.#limit = pLimit(parallel);
  }

  /**
   * Makes the stream, and what belongs to it, what it is to be. Whatever happens is in the facts.
   * @param changed is told what had to be done
   */
  ensure(
    access: NatsAccess,
    request: StreamRequest,
    changed: (change: Exclude<StreamChange, 'none'>) => void = () => {},
  ): Promise<StreamFacts> {
    const { options } = request;
    return this.#attempt(access, request, async (connection, jsm) => {
      const found = await streamInfo(jsm, options.cluster);
      const refusal = found && refusalOf(found, request, Date.now());
      if (refusal !== undefined) return { state: 'refused', message: refusal };
      const change = await ensureStream(jsm, options, await this.#reachable(connection, options));
      if (change !== 'none') changed(change);
      await ensurePayloadBucket(connection, jsm, options);
      return { state: 'ready' };
    });
  }

  /**
   * With the retention `interest`: deletes the consumers of pods that are gone for good, for which the stream would keep
   * everything for ever. None is deleted as long as no pod that is there has everything: another one would take itself for
   * the one that does.
   * @param podIds the ids of all pods that there are: one that is missing here has to copy everything again
   */
  releaseGonePods(access: NatsAccess, request: StreamRequest, podIds: ReadonlySet<string>): Promise<StreamFacts> {
    const { cluster, retention } = request.options;
    if (retention !== 'interest') return Promise.resolve({ state: 'ready' });
    const present = new Set([...podIds].map(podConsumerOf));
    return this.#attempt(access, request, async (_, jsm) => {
      const found = await streamInfo(jsm, cluster);
      if (found === undefined) return { state: 'ready' };
      const refusal = notOurs(found, request);
      if (refusal !== undefined) return { state: 'refused', message: refusal };
      const gone: string[] = [];
      let isSafe = false;
      for await (const { name, config } of jsm.consumers.list(cluster)) {
        if (!isPodConsumer(name)) continue;
        if (!present.has(name)) gone.push(name);
        else if (config.metadata?.[COMPLETE_KEY] === 'true') isSafe = true;
      }
      if (isSafe) for (const name of gone) await jsm.consumers.delete(cluster, name);
      return { state: 'ready' };
    });
  }

  /** Deletes the stream, and what belongs to it, where it is this cluster's. */
  delete(access: NatsAccess, request: StreamRequest): Promise<StreamDeletion> {
    const { cluster } = request.options;
    return this.#attempt(access, request, async (_, jsm) => {
      const found = await streamInfo(jsm, cluster);
      const refusal = found && notOurs(found, request);
      if (refusal !== undefined) return { state: 'refused', message: refusal };
      // The stream last: it says whose they are.
      if (await streamInfo(jsm, payloadStreamOf(cluster))) await jsm.streams.delete(payloadStreamOf(cluster));
      if (found !== undefined) await jsm.streams.delete(cluster);
      return { state: 'deleted' };
    });
  }

  /** The cluster is gone: closes its connection. @param owner its `namespace/name` */
  async forget(owner: string): Promise<void> {
    const link = this.#links.get(owner);
    this.#links.delete(owner);
    const connection = await link?.connection.catch(() => undefined);
    await connection?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.keys()].map((owner) => this.forget(owner)));
  }

  /** So many connections there are, or are being made. */
  get size(): number {
    return this.#links.size;
  }

  async #attempt<T>(
    access: NatsAccess,
    { options }: StreamRequest,
    work: (connection: NatsConnection, jsm: JetStreamManager) => Promise<T>,
  ): Promise<T | Exclude<StreamFacts, { readonly state: 'ready' | 'unknown' }>> {
    try {
      const connection = await this.#connection(options.owner, access);
      return await work(connection, await jetstreamManager(connection, { timeout: this.#timeoutMs }));
    } catch (error) {
      return problemOf(error, options.cluster, access);
    }
  }

  /** @throws NatsConnectionError */
  async #connection(owner: string, access: NatsAccess): Promise<NatsConnection> {
    const fingerprint = createHash('sha256').update(JSON.stringify(access)).digest('base64');
    const link = this.#links.get(owner);
    if (link?.access === fingerprint) return link.connection;
    void this.forget(owner);
    const made = { access: fingerprint, connection: this.#limit(() => connectTo(access, this.#timeoutMs)) };
    this.#links.set(owner, made);
    const ended = () => {
      if (this.#links.get(owner) === made) this.#links.delete(owner);
    };
    // It is made anew when it is needed: whoever asks again says when.
    made.connection.then((connection) => connection.closed().then(ended), ended);
    return made.connection;
  }

  async #reachable(connection: NatsConnection, { regions }: StreamOptions): Promise<string[]> {
    const asked = regions.map(async ({ name, domain }) => {
      const options = { timeout: this.#timeoutMs, checkAPI: false, ...(domain !== undefined && { domain }) };
      return (await isThere(await jetstreamManager(connection, options), name)) ? name : [];
    });
    return (await Promise.all(asked)).flat();
  }
}
