import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { podFacts } from '../../src/observed/pod.ts';
import { ApiError, ApiUnavailableError } from '../../src/runtime/api-error.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';

/** What the sync pods of the cluster `c` were like, each time that one of them was different. */
export class PodHistory {
  readonly #stopping = new AbortController();
  readonly #pods = new Map<string, StoredObject>();
  #following: Promise<void> = Promise.resolve();
  /** The names of those that were ready, at each moment. */
  readonly moments: (readonly string[])[] = [];
  /** Of pods that were deleted, in this order. */
  readonly deleted: string[] = [];

  private constructor() {}

  /** From now on. */
  static async follow(client: KubeClient, namespace: string): Promise<PodHistory> {
    const history = new PodHistory();
    const selection = { namespace, labelSelector: 'etherply.io/cluster=c,app.kubernetes.io/component=sync-pod' };
    const { items, resourceVersion } = await client.list(KINDS.Pod, selection);
    for (const pod of items) history.#pods.set(pod.metadata.name, pod);
    history.#record();
    const { signal } = history.#stopping;
    const watch = client.watch(KINDS.Pod, {
      ...selection,
      resourceVersion,
      timeoutSeconds: 600,
      idleTimeoutMs: 600_000,
      signal,
    });
    history.#following = history.#follow(watch);
    return history;
  }

  /** So many were ready at the worst moment. */
  get fewestReady(): number {
    return Math.min(...this.moments.map(({ length }) => length));
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('enough was seen'));
    await this.#following;
  }

  async #follow(watch: ReturnType<KubeClient['watch']>): Promise<void> {
    try {
      for await (const event of watch) {
        if (event.type === 'BOOKMARK') continue;
        const { name } = event.object.metadata;
        if (event.type === 'DELETED') {
          this.#pods.delete(name);
          this.deleted.push(name);
        } else this.#pods.set(name, event.object);
        this.#record();
      }
    } catch (error) {
      if (this.#stopping.signal.aborted && (error instanceof ApiError || error instanceof ApiUnavailableError)) return;
      throw error;
    }
  }

  #record(): void {
    const all = [...this.#pods.values()].map((pod) => podFacts(pod, 'sync-pod'));
    this.moments.push(all.flatMap(({ name, isReady, isTerminating }) => (isReady && !isTerminating ? name : [])));
  }
}
