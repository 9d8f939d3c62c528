import { isDeepStrictEqual } from 'node:util';
import type { Cluster, ClusterStatus } from '../api/cluster.ts';
import { GROUP, KIND, VERSION } from '../api/crd.ts';
import { ClusterSpecError, parseCluster } from '../api/parse.ts';
import type { Circumstances } from '../desired/desired.ts';
import { desiredObjects } from '../desired/desired-objects.ts';
import { selectorOf } from '../desired/labels.ts';
import { namesOf } from '../desired/names.ts';
import type { ObjectKey } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { Facts } from '../observed/facts.ts';
import { secretData } from '../observed/secret.ts';
import { type Plan, planCluster } from '../plan/plan.ts';
import { ApiError } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import { refusedStatus, statusOf } from '../status/status.ts';
import { withAdvice } from './advice.ts';
import type { AppliedObjects } from './applied-objects.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { Effects } from './effects.ts';
import { addFinalizer, FINALIZER, removeFinalizer } from './finalizer.ts';
import { ensureGeneratedSecrets } from './generated-secrets.ts';
import type { Observation, Observer } from './observer.ts';
import type { StreamController } from './stream-controller.ts';
import type { Told } from './told.ts';

interface Parts {
  readonly client: KubeClient;
  readonly cache: ClusterCache;
  readonly observer: Observer;
  readonly effects: Effects;
  readonly applied: AppliedObjects;
  readonly streams: StreamController;
  readonly told: Told;
  readonly circumstances: Pick<Circumstances, 'version' | 'operatorNamespace' | 'clusterDomain'>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** After so long a cluster is looked at in which all is well: nobody tells when a Secret changes, or the stream. */
  readonly resyncMs: number;
}

/** Nobody tells when a pod has handed over what it has. */
const WAITING_MS = 1000;
/** What was planned for an object that has changed since is planned again when that is seen, or else after so long. */
const LATE_MS = 1000;
/** Nor when a Secret comes, or NATS answers. */
const UNWELL_MS = 5000;

/** Makes of each EtherPlyCluster what it says: looks, decides, acts, and tells how it is. */
export class ClusterController {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Takes a cluster one step further.
   * @returns after how many milliseconds the next one is due if nothing changes; undefined: it is gone
   * @throws ApiError, ApiUnavailableError
   */
  async reconcile(key: ObjectKey): Promise<number | undefined> {
    const object = this.#parts.cache.cluster(key);
    if (object === undefined) {
      await this.#forget(key);
      return undefined;
    }
    try {
      return await this.#step(key, parseCluster(object), object);
    } catch (error) {
      if (!(error instanceof ClusterSpecError)) throw error;
      this.#parts.told.unreadable(object, error.message);
      return this.#parts.resyncMs;
    }
  }

  async #step(key: ObjectKey, cluster: Cluster, object: StoredObject): Promise<number | undefined> {
    try {
      return cluster.isBeingDeleted ? await this.#end(key, cluster, object) : await this.#keep(key, cluster, object);
    } catch (error) {
      if (!(error instanceof ApiError && error.isForbidden)) throw error;
      await this.#publish(cluster, refusedStatus(cluster, withAdvice(error), this.#time()));
      return Math.min(UNWELL_MS, this.#parts.resyncMs);
    }
  }

  async #keep(key: ObjectKey, cluster: Cluster, object: StoredObject): Promise<number> {
    const { client, observer, effects, applied, streams, told } = this.#parts;
    const { paused } = cluster.spec;
    if (!cluster.finalizers.includes(FINALIZER)) await addFinalizer(client, cluster, object);
    const found = await observer.secrets(cluster);
    const secrets = paused ? found : await ensureGeneratedSecrets(client, cluster, found, told);
    const natsAddresses = observer.natsAddresses(key);
    const stream = await (paused ? streams.last(key) : streams.keep(key, cluster, object, secrets, natsAddresses));
    const observation = await observer.observe(key, cluster, secrets, stream);
    const plan = this.#planOf(observation, applied.of(key));
    if (!paused) await streams.releaseGonePods(observation.facts, object, secrets, natsAddresses);
    const { failures, isLate } = await effects.carryOut(cluster, plan.actions, controlToken(cluster, secrets));
    // A status would say that this spec has been acted upon.
    if (isLate) return LATE_MS;
    await this.#tell(observation.facts, plan, failures);
    return this.#waitAfter(observation.facts, plan, failures);
  }

  /** What belongs to it goes by itself, but for the stream, if that is wanted. */
  async #end(key: ObjectKey, cluster: Cluster, object: StoredObject): Promise<number | undefined> {
    const { client, observer, streams, told } = this.#parts;
    if (!cluster.finalizers.includes(FINALIZER)) {
      await this.#forget(key);
      return undefined;
    }
    const secrets = await observer.secrets(cluster);
    const obstacle = await streams.end(cluster, object, secrets);
    if (obstacle === undefined) {
      await removeFinalizer(client, cluster, object);
      return undefined;
    }
    told.warned(cluster, 'StreamNotDeleted', obstacle);
    const observation = await observer.observe(key, cluster, secrets, streams.last(key));
    await this.#tell(observation.facts, this.#planOf(observation, new Map()), [obstacle]);
    return UNWELL_MS;
  }

  #planOf({ facts, owned }: Observation, applied: ReturnType<AppliedObjects['of']>): Plan {
    const { cluster, secrets, apis } = facts;
    const build = (replicas: number) => {
      return desiredObjects(cluster, { ...this.#parts.circumstances, replicas, secrets, apis });
    };
    return planCluster(facts, build, owned, applied);
  }

  async #tell(facts: Facts, plan: Plan, failures: readonly string[]): Promise<void> {
    const { cluster } = facts;
    const selector = Object.entries(selectorOf(cluster, 'sync-pod')).map((one) => one.join('='));
    await this.#publish(cluster, statusOf({ facts, plan, failures }, selector.join(), this.#time()));
  }

  /** RFC 3339, in seconds. */
  #time(): string {
    return `${new Date(this.#parts.now()).toISOString().slice(0, 19)}Z`;
  }

  async #publish(cluster: Cluster, status: ClusterStatus): Promise<void> {
    const { client, told } = this.#parts;
    if (isDeepStrictEqual(status, cluster.status)) return;
    const { name, namespace, uid } = cluster;
    const metadata = { name, namespace, uid };
    await client.apply({ apiVersion: `${GROUP}/${VERSION}`, kind: KIND, metadata, status }, { subresource: 'status' });
    told.flipped(cluster, status.conditions ?? []);
  }

  #waitAfter({ cluster, pods, stream }: Facts, plan: Plan, failures: readonly string[]): number {
    const { resyncMs } = this.#parts;
    if (cluster.spec.paused) return resyncMs;
    if (plan.scale.waitsFor !== undefined || plan.roll.waitsFor !== undefined) return WAITING_MS;
    const isWell = plan.missingSecret === undefined && failures.length === 0 && stream.state === 'ready';
    const areAllReady = pods.length >= cluster.spec.replicas && pods.every(({ isReady }) => isReady);
    return isWell && areAllReady ? resyncMs : Math.min(UNWELL_MS, resyncMs);
  }

  async #forget(key: ObjectKey): Promise<void> {
    this.#parts.applied.forget(key);
    await this.#parts.streams.forget(key);
  }
}

function controlToken(cluster: Cluster, secrets: ReadonlyMap<string, StoredObject>): string | undefined {
  const secret = secrets.get(namesOf(cluster).controlSecret);
  return secret && secretData(secret).token?.toString();
}
