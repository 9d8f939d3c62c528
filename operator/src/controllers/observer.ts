import type { Cluster } from '../api/cluster.ts';
import { namesOf } from '../desired/names.ts';
import { neededSecrets } from '../desired/secrets.ts';
import { KINDS, type Kind } from '../kube/kinds.ts';
import type { ObjectKey } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { autoscalerFacts } from '../observed/autoscaler.ts';
import { claimFacts } from '../observed/claim.ts';
import type { Facts, PodFacts, StreamFacts } from '../observed/facts.ts';
import { podFacts } from '../observed/pod.ts';
import { refusalOf } from '../observed/refusal.ts';
import { secretFacts } from '../observed/secret.ts';
import { statefulSetFacts } from '../observed/stateful-set.ts';
import { storageClassFacts } from '../observed/storage-class.ts';
import { workloadFacts } from '../observed/workload.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { PodStatuses } from './pod-statuses.ts';

/** Names of the containers that are looked at. */
const CONTAINERS = { 'sync-pod': 'sync-pod', router: 'haproxy', nats: 'nats' } as const;

/** What is there for a cluster, before anything is decided. */
export interface Observation {
  readonly facts: Facts;
  /** All that the operator has made for it. */
  readonly owned: readonly StoredObject[];
}

interface Parts {
  readonly client: KubeClient;
  readonly cache: ClusterCache;
  readonly statuses: PodStatuses;
  readonly version: string;
}

/** Gathers the facts about a cluster: from what was seen of its objects, and by asking its pods. */
export class Observer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The Secrets that pods of the cluster take something of, those that are there. They are asked for one by one: the operator
   * may not list Secrets.
   */
  async secrets(cluster: Cluster): Promise<ReadonlyMap<string, StoredObject>> {
    const names = new Set(neededSecrets(cluster).map(({ name }) => name));
    const found = await Promise.all(
      [...names].map((name) => this.#parts.client.get(KINDS.Secret, { namespace: cluster.namespace, name })),
    );
    return new Map(found.flatMap((secret) => (secret === undefined ? [] : [[secret.metadata.name, secret]])));
  }

  /** The addresses of the managed NATS servers, those that have one. */
  natsAddresses(key: ObjectKey): string[] {
    const pods = this.#parts.cache.pods(key, 'nats').map((pod) => podFacts(pod, CONTAINERS.nats));
    return pods.flatMap(({ ip, isTerminating }) => (ip === undefined || isTerminating ? [] : ip));
  }

  /** @param secrets as of `secrets` */
  async observe(
    key: ObjectKey,
    cluster: Cluster,
    secrets: ReadonlyMap<string, StoredObject>,
    stream: StreamFacts,
  ): Promise<Observation> {
    const { cache, version } = this.#parts;
    const owned = cache.owned(key, cluster.uid);
    const find = (kind: Kind, name: string) => {
      return owned.find((object) => object.kind === kind.kind && object.metadata.name === name);
    };
    const names = namesOf(cluster);
    const statefulSet = find(KINDS.StatefulSet, names.cluster);
    const router = find(KINDS.Deployment, names.router);
    const nats = find(KINDS.StatefulSet, names.nats);
    const autoscaler = find(KINDS.HorizontalPodAutoscaler, names.cluster) ?? find(KINDS.ScaledObject, names.cluster);
    const podsOf = (component: 'router' | 'nats') => {
      return cache.pods(key, component).map((pod) => podFacts(pod, CONTAINERS[component]));
    };
    const pods = await this.#syncPods(key, secrets.get(names.controlSecret));
    const natsPods = podsOf('nats');
    const natsFacts = nats && workloadFacts(nats, natsPods);
    const natsRefusal = natsFacts && (await this.#refusal(nats, natsPods.length < natsFacts.replicas));
    const facts: Facts = {
      cluster,
      version,
      secrets: new Map([...secrets].map(([name, secret]) => [name, secretFacts(secret)])),
      apis: cache.apis,
      statefulSet: statefulSet && statefulSetFacts(statefulSet, CONTAINERS['sync-pod']),
      refusal: statefulSet && (await this.#refusal(statefulSet, pods.length < cluster.spec.replicas)),
      pods,
      claims: cache.claims(key, 'sync-pod').map(claimFacts),
      storageClasses: cache.storageClasses?.map(storageClassFacts),
      router: router && workloadFacts(router, podsOf('router')),
      natsClaims: cache.claims(key, 'nats').map(claimFacts),
      nats: natsFacts && { ...natsFacts, problem: natsFacts.problem ?? natsRefusal },
      stream,
      autoscaler: autoscaler && autoscalerFacts(autoscaler),
    };
    return { facts, owned };
  }

  /** Why Kubernetes makes no more pods for a StatefulSet that lacks some. */
  async #refusal({ metadata: { namespace, uid } }: StoredObject, lacksPods: boolean): Promise<string | undefined> {
    if (!lacksPods) return undefined;
    const { items } = await this.#parts.client.list(KINDS.Event, {
      ...(namespace !== undefined && { namespace }),
      fieldSelector: `regarding.uid=${uid}`,
    });
    return refusalOf(items);
  }

  async #syncPods(key: ObjectKey, controlSecret: StoredObject | undefined): Promise<PodFacts[]> {
    const { cache, statuses } = this.#parts;
    const pods = await Promise.all(
      cache.pods(key, 'sync-pod').map(async (object) => {
        const pod = podFacts(object, CONTAINERS['sync-pod']);
        return { ...pod, ...(await statuses.ask(pod, controlSecret)) };
      }),
    );
    return pods.sort((a, b) => a.ordinal - b.ordinal);
  }
}
