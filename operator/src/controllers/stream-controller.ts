import type { Cluster } from '../api/cluster.ts';
import type { ObjectKey } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { natsAccessOf } from '../nats/nats-access.ts';
import type { StreamKeeper } from '../nats/stream-keeper.ts';
import { DROP_MESSAGES_ANNOTATION } from '../nats/stream-policy.ts';
import { streamRequestOf } from '../nats/stream-request.ts';
import type { Facts, StreamFacts } from '../observed/facts.ts';
import { secretData } from '../observed/secret.ts';
import type { Told } from './told.ts';

/** The streams of all clusters. */
export class StreamController {
  readonly #keeper: StreamKeeper;
  readonly #told: Told;
  readonly #isLeader: () => boolean;
  readonly #last = new Map<ObjectKey, StreamFacts>();

  /** @param isLeader where it is not, nothing is changed */
  constructor(keeper: StreamKeeper, told: Told, isLeader: () => boolean) {
    this.#keeper = keeper;
    this.#told = told;
    this.#isLeader = isLeader;
  }

  /** How the stream was when it was looked at last. */
  last(key: ObjectKey): StreamFacts {
    return this.#last.get(key) ?? { state: 'unknown' };
  }

  /**
   * Makes the stream of a cluster what it is to be, where that can be. Does not throw because of NATS.
   * @param natsAddresses of the managed servers
   */
  async keep(
    key: ObjectKey,
    cluster: Cluster,
    object: StoredObject,
    secrets: ReadonlyMap<string, StoredObject>,
    natsAddresses: readonly string[],
  ): Promise<StreamFacts> {
    const facts = await this.#keep(cluster, object, secrets, natsAddresses);
    this.#last.set(key, facts);
    return facts;
  }

  /**
   * Where the stream keeps what some pod lacks: it no longer keeps anything for pods that were taken away. Only once all that
   * are to be there have said who they are.
   */
  async releaseGonePods(
    { cluster, pods, statefulSet, stream }: Facts,
    object: StoredObject,
    secrets: ReadonlyMap<string, StoredObject>,
    natsAddresses: readonly string[],
  ): Promise<void> {
    const ids = new Set(pods.flatMap(({ control }) => control?.podId ?? []));
    const areAllKnown = ids.size === cluster.spec.replicas && statefulSet?.replicas === cluster.spec.replicas;
    if (cluster.spec.stream.retention !== 'interest' || stream.state !== 'ready' || !areAllKnown) return;
    const access = accessTo(cluster, secrets, natsAddresses);
    if ('problem' in access || !this.#isLeader()) return;
    // Whatever kept it from that is found when the stream is looked at next.
    await this.#keeper.releaseGonePods(access, requestOf(cluster, object), ids);
  }

  /**
   * Deletes the stream of a cluster that is being deleted, if that is wanted. Managed servers lose theirs with their volumes.
   * @returns why it could not be, for a person
   */
  async end(
    cluster: Cluster,
    object: StoredObject,
    secrets: ReadonlyMap<string, StoredObject>,
  ): Promise<string | undefined> {
    if (cluster.spec.stream.deletion === 'Retain' || cluster.spec.nats.external === undefined) return undefined;
    if (!this.#isLeader()) return 'this operator no longer acts';
    const access = accessTo(cluster, secrets, []);
    const outcome =
      'problem' in access
        ? ({ state: 'unreachable', message: access.problem } as const)
        : await this.#keeper.delete(access, requestOf(cluster, object));
    if (outcome.state === 'deleted') return undefined;
    return `the stream cannot be deleted: ${outcome.message}. To leave it, set spec.stream.deletion to Retain`;
  }

  /** The cluster is gone. */
  async forget(key: ObjectKey): Promise<void> {
    this.#last.delete(key);
    await this.#keeper.forget(key);
  }

  async #keep(
    cluster: Cluster,
    object: StoredObject,
    secrets: ReadonlyMap<string, StoredObject>,
    natsAddresses: readonly string[],
  ): Promise<StreamFacts> {
    const access = accessTo(cluster, secrets, natsAddresses);
    if ('problem' in access) return { state: 'unreachable', message: access.problem };
    if (!this.#isLeader()) return { state: 'unknown' };
    const request = requestOf(cluster, object);
    const stream = `the stream ${request.options.cluster}`;
    return this.#keeper.ensure(access, request, (change) => {
      if (change === 'made') this.#told.done(cluster, 'StreamCreated', `${stream} was made`);
      else
        this.#told.done(cluster, 'StreamUpdated', `${stream} was made what the spec says: ${change.fields.join(', ')}`);
    });
  }
}

function accessTo(
  { name, spec }: Cluster,
  secrets: ReadonlyMap<string, StoredObject>,
  podIps: readonly string[],
): ReturnType<typeof natsAccessOf> {
  const data = new Map([...secrets].map(([secret, object]) => [secret, secretData(object)]));
  return natsAccessOf({ name, nats: spec.nats, secrets: data, podIps });
}

function requestOf(cluster: Cluster, { metadata }: StoredObject) {
  return streamRequestOf(cluster, metadata.annotations?.[DROP_MESSAGES_ANNOTATION] === 'true');
}
