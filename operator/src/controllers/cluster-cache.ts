import { CLUSTER_LABEL, type Component, selectorOf } from '../desired/labels.ts';
import { KINDS, type Kind } from '../kube/kinds.ts';
import { keyOf, type ObjectKey, refOf } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { Apis } from '../observed/facts.ts';
import { Informer, type InformerOptions } from '../runtime/informer.ts';
import type { KubeClient } from '../runtime/kube-client.ts';

/** What clusters are made of; one of these kinds that belongs to a cluster and is no longer wanted is deleted. */
const OWNED = [
  KINDS.ServiceAccount,
  KINDS.ConfigMap,
  KINDS.Service,
  KINDS.NetworkPolicy,
  KINDS.PodDisruptionBudget,
  KINDS.StatefulSet,
  KINDS.Deployment,
  KINDS.HorizontalPodAutoscaler,
  KINDS.Ingress,
  KINDS.HTTPRoute,
  KINDS.BackendTrafficPolicy,
  KINDS.PodMonitor,
  KINDS.ScaledObject,
] as const;

/** What others make for clusters. */
const FOLLOWED = [KINDS.Pod, KINDS.PersistentVolumeClaim] as const;

interface Edge {
  /** Something of this cluster is different. */
  readonly changed: (cluster: ObjectKey) => void;
  /** An object of a cluster is gone. */
  readonly deleted: (cluster: ObjectKey, object: StoredObject) => void;
  readonly failed: NonNullable<InformerOptions['onError']>;
}

interface Options {
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** How often a kind that is not installed is asked for. */
  readonly notInstalledRetryMs?: number;
}

/** All clusters, and all that belongs to them, as they were seen last. */
export class ClusterCache {
  readonly #edge: Edge;
  readonly #clusters: readonly Informer[];
  readonly #owned: ReadonlyMap<Kind, readonly Informer[]>;
  readonly #classes: Informer;
  #areClassesKnown = false;

  constructor(client: KubeClient, { namespaces, notInstalledRetryMs }: Options, edge: Edge) {
    this.#edge = edge;
    const places = namespaces?.map((namespace) => ({ namespace })) ?? [{}];
    const common = { onError: edge.failed, ...(notInstalledRetryMs !== undefined && { notInstalledRetryMs }) };
    const informersOf = (kind: Kind, options: InformerOptions) => {
      return places.map((place) => Informer.start(client, kind, { ...common, ...options, ...place }));
    };
    this.#clusters = informersOf(KINDS.EtherPlyCluster, {
      onChange: ({ object }) => edge.changed(keyOf(object.metadata)),
    });
    const options: InformerOptions = {
      labelSelector: CLUSTER_LABEL,
      onChange: ({ type, object }) => {
        const cluster = clusterKeyOf(object);
        if (type === 'deleted') edge.deleted(cluster, object);
        edge.changed(cluster);
      },
    };
    this.#owned = new Map([...OWNED, ...FOLLOWED].map((kind) => [kind, informersOf(kind, options)]));
    this.#classes = Informer.start(client, KINDS.StorageClass, { ...common, onChange: () => this.#allChanged() });
    void this.#classes.synced.then(() => {
      this.#areClassesKnown = true;
    });
  }

  /** Resolves when all has been seen once, but for storage classes: an operator of some namespaces may not be allowed to. */
  async synced(): Promise<void> {
    const all = [...this.#clusters, ...[...this.#owned.values()].flat()];
    await Promise.all(all.map((informer) => informer.synced));
  }

  get clusters(): StoredObject[] {
    return this.#clusters.flatMap((informer) => informer.list());
  }

  cluster(key: ObjectKey): StoredObject | undefined {
    for (const informer of this.#clusters) {
      const found = informer.get(refOf(key));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * What the operator has made for a cluster, and what has its label and belongs to nobody.
   * @param uid of the cluster: one of the same name before it had others
   */
  owned(key: ObjectKey, uid: string): StoredObject[] {
    return OWNED.flatMap((kind) => this.#of(kind, key)).filter(({ metadata: { ownerReferences: owners = [] } }) => {
      return owners.length === 0 || owners.some((owner) => owner.uid === uid);
    });
  }

  /** The pods of a part of a cluster. */
  pods(key: ObjectKey, component: Component): StoredObject[] {
    return this.#ofComponent(KINDS.Pod, key, component);
  }

  /** The volume claims of a part of a cluster. */
  claims(key: ObjectKey, component: Component): StoredObject[] {
    return this.#ofComponent(KINDS.PersistentVolumeClaim, key, component);
  }

  /** Undefined: they may not be looked at. */
  get storageClasses(): StoredObject[] | undefined {
    return this.#areClassesKnown ? this.#classes.list() : undefined;
  }

  /** Which kinds of others are installed. */
  get apis(): Apis {
    const isInstalled = (kind: Kind) => this.#owned.get(kind)?.every((informer) => informer.isInstalled) === true;
    return {
      podMonitor: isInstalled(KINDS.PodMonitor),
      httpRoute: isInstalled(KINDS.HTTPRoute),
      backendTrafficPolicy: isInstalled(KINDS.BackendTrafficPolicy),
      scaledObject: isInstalled(KINDS.ScaledObject),
    };
  }

  async stop(): Promise<void> {
    const all = [...this.#clusters, ...[...this.#owned.values()].flat(), this.#classes];
    await Promise.all(all.map((informer) => informer.stop()));
  }

  #of(kind: Kind, key: ObjectKey): StoredObject[] {
    const informers = this.#owned.get(kind) ?? [];
    return informers.flatMap((informer) => informer.list()).filter((object) => clusterKeyOf(object) === key);
  }

  #ofComponent(kind: Kind, key: ObjectKey, component: Component): StoredObject[] {
    const selector = Object.entries(selectorOf(refOf(key), component));
    return this.#of(kind, key).filter(({ metadata: { labels } }) => {
      return selector.every(([label, value]) => labels?.[label] === value);
    });
  }

  #allChanged(): void {
    for (const { metadata } of this.clusters) this.#edge.changed(keyOf(metadata));
  }
}

function clusterKeyOf({ metadata }: StoredObject): ObjectKey {
  const { namespace, labels } = metadata;
  return keyOf({ name: labels?.[CLUSTER_LABEL] ?? '', ...(namespace !== undefined && { namespace }) });
}
