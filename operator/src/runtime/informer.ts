import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '../kube/kinds.ts';
import { keyOf, type ObjectRef } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { ApiError, ApiUnavailableError } from './api-error.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import type { KubeClient } from './kube-client.ts';
import { type Change, ObjectCache } from './object-cache.ts';

export interface InformerOptions {
  /** Absent: in all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Is called for each change, in order, when the cache has it. What it throws ends the process. */
  readonly onChange?: (change: Change) => void;
  /** Is told why a list or a watch ended, and when it is tried again. */
  readonly onError?: (error: ApiError | ApiUnavailableError, retryMs: number) => void;
  readonly backoff?: BackoffOptions;
  /** How often a kind is asked for that is not installed. */
  readonly notInstalledRetryMs?: number;
  /** A watch is ended by the server after so long, up to twice as long. */
  readonly watchSeconds?: number;
  /** A watch on which nothing comes for so long, not even the bookmark of every minute, is dead. */
  readonly idleTimeoutMs?: number;
}

const BACKOFF: BackoffOptions = { minMs: 250, maxMs: 30_000 };
const NOT_INSTALLED_RETRY_MS = 30_000;
const WATCH_SECONDS = 300;
const IDLE_TIMEOUT_MS = 150_000;
/** A server that ends watches so soon would be asked without a pause. */
const SHORT_WATCH_MS = 1_000;
const TOO_MANY_REQUESTS = 429;

/**
 * Knows the objects of a kind as they are now, or soon: it lists them and watches what happens to them from there.
 * It goes on after any error, from where it was, or with a new list where the server does not know that any more: then
 * what changed or went in the meantime is told like any other change.
 *
 * A kind that is not installed has no objects, until it is.
 */
export class Informer {
  readonly #client: KubeClient;
  readonly #kind: Kind;
  readonly #options: InformerOptions;
  readonly #cache = new ObjectCache();
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failures = 0;
  #isInstalled = false;
  #markSynced: () => void = () => {};
  /** Resolves when the cache is whole for the first time, also where the kind is not installed. */
  readonly synced = new Promise<void>((resolve) => {
    this.#markSynced = resolve;
  });

  private constructor(client: KubeClient, kind: Kind, options: InformerOptions) {
    this.#client = client;
    this.#kind = kind;
    this.#options = options;
  }

  static start(client: KubeClient, kind: Kind, options: InformerOptions = {}): Informer {
    const informer = new Informer(client, kind, options);
    informer.#running = informer.#run();
    return informer;
  }

  get isInstalled(): boolean {
    return this.#isInstalled;
  }

  get(ref: ObjectRef): StoredObject | undefined {
    return this.#cache.get(keyOf(ref));
  }

  list(): StoredObject[] {
    return this.#cache.list();
  }

  /** Resolves when nothing is told any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the informer was stopped'));
    await this.#running;
  }

  async #run(): Promise<void> {
    let resourceVersion: string | undefined;
    while (!this.#stopping.signal.aborted) {
      try {
        resourceVersion ??= await this.#list();
        for await (const seen of this.#watch(resourceVersion)) resourceVersion = seen;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!(error instanceof ApiError || error instanceof ApiUnavailableError)) throw error;
        // Also one that is too old, or of a store that was restored since then: only a new list leads out of that.
        if (error instanceof ApiError && error.status !== TOO_MANY_REQUESTS) resourceVersion = undefined;
        await this.#waitAfter(error);
      }
    }
  }

  /** @returns what a watch goes on from */
  async #list(): Promise<string> {
    const { signal } = this.#stopping;
    const { items, resourceVersion } = await this.#client.list(this.#kind, { ...this.#selection, signal });
    this.#tell(this.#cache.replace(items));
    this.#isInstalled = true;
    this.#markSynced();
    return resourceVersion;
  }

  /** Yields what another watch could go on from. */
  async *#watch(resourceVersion: string): AsyncGenerator<string> {
    const { watchSeconds = WATCH_SECONDS, idleTimeoutMs = IDLE_TIMEOUT_MS } = this.#options;
    const events = this.#client.watch(this.#kind, {
      ...this.#selection,
      resourceVersion,
      // Informers that started together are not to come back together.
      timeoutSeconds: Math.ceil(watchSeconds * (1 + Math.random())),
      idleTimeoutMs,
      signal: this.#stopping.signal,
    });
    const started = performance.now();
    for await (const event of events) {
      this.#failures = 0;
      if (event.type === 'BOOKMARK') {
        yield event.resourceVersion;
        continue;
      }
      const { object } = event;
      this.#tell(event.type === 'DELETED' ? this.#cache.delete(object) : this.#cache.set(object));
      yield object.metadata.resourceVersion;
    }
    if (performance.now() - started < SHORT_WATCH_MS) throw new ApiUnavailableError('the watch was ended at once');
  }

  async #waitAfter(error: ApiError | ApiUnavailableError): Promise<void> {
    const { backoff = BACKOFF, notInstalledRetryMs = NOT_INSTALLED_RETRY_MS, onError } = this.#options;
    this.#failures += 1;
    let retryMs = backoffMs(backoff, this.#failures);
    if (error instanceof ApiError && error.isNotFound) {
      this.#isInstalled = false;
      this.#tell(this.#cache.replace([]));
      this.#markSynced();
      retryMs = backoffMs({ minMs: notInstalledRetryMs, maxMs: notInstalledRetryMs }, 1);
    }
    onError?.(error, retryMs);
    await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {}); // stopped: the loop ends
  }

  get #selection() {
    const { namespace, labelSelector } = this.#options;
    return { ...(namespace !== undefined && { namespace }), ...(labelSelector !== undefined && { labelSelector }) };
  }

  #tell(changes: readonly Change[]): void {
    for (const change of changes) this.#options.onChange?.(change);
  }
}
