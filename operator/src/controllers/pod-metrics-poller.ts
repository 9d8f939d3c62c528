import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterSpecError, parseCluster } from '../api/parse.ts';
import { namesOf } from '../desired/names.ts';
import { KINDS } from '../kube/kinds.ts';
import { keyOf } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { PodMetrics, PodSample } from '../metrics-api/pod-metrics.ts';
import { podFacts } from '../observed/pod.ts';
import { ApiError, ApiUnavailableError } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { PodStatuses } from './pod-statuses.ts';

interface Parts {
  readonly client: KubeClient;
  readonly cache: ClusterCache;
  readonly statuses: PodStatuses;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** It could not be asked; it will be again. */
  readonly failed: (error: unknown) => void;
}

const EVERY_MS = 10_000;

/**
 * Asks the pods of clusters that are scaled by what the operator serves, all the time. Each operator does, also one that does
 * not act: the API server asks any of them.
 */
export class PodMetricsPoller implements PodMetrics {
  readonly #parts: Parts;
  #samples: ReadonlyMap<string, readonly PodSample[]> = new Map();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  inNamespace(namespace: string): Iterable<PodSample> {
    return this.#samples.get(namespace) ?? [];
  }

  /** Goes on until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#poll();
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
    }
  }

  async #poll(): Promise<void> {
    const samples = await Promise.all(this.#parts.cache.clusters.map((object) => this.#ask(object)));
    const byNamespace = new Map<string, PodSample[]>();
    for (const { namespace, ...sample } of samples.flat()) {
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), sample]);
    }
    this.#samples = byNamespace;
  }

  async #ask(object: StoredObject): Promise<(PodSample & { readonly namespace: string })[]> {
    const { client, cache, statuses, now, failed } = this.#parts;
    try {
      const cluster = parseCluster(object);
      if (cluster.spec.autoscaling?.metrics !== 'operator') return [];
      const { namespace } = cluster;
      const secret = await client.get(KINDS.Secret, { namespace, name: namesOf(cluster).controlSecret });
      const asked = cache.pods(keyOf(cluster), 'sync-pod').map(async (pod) => {
        const { control } = await statuses.ask(podFacts(pod, 'sync-pod'), secret);
        if (control === undefined) return [];
        const { name, labels = {} } = pod.metadata;
        const { opsPerSecond, connections } = control;
        return [{ namespace, name, labels, opsPerSecond, connections, at: new Date(now()) }];
      });
      return (await Promise.all(asked)).flat();
    } catch (error) {
      const isPassing = [ApiError, ApiUnavailableError, ClusterSpecError].some((kind) => error instanceof kind);
      if (!isPassing) throw error;
      failed(error);
      return [];
    }
  }
}
