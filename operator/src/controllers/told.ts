import type { Logger } from 'pino';
import type { Cluster, Condition } from '../api/cluster.ts';
import { GROUP, KIND, VERSION } from '../api/crd.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { EventRecorder } from '../runtime/event-recorder.ts';

/** What happens to clusters, as Events of them and in the log. */
export class Told {
  readonly #events: EventRecorder;
  readonly #logger: Logger;

  constructor(events: EventRecorder, logger: Logger) {
    this.#events = events;
    this.#logger = logger;
  }

  /** @param reason in CamelCase */
  done(cluster: Cluster, reason: string, note: string): void {
    this.#logger.info({ cluster: `${cluster.namespace}/${cluster.name}`, reason }, note);
    this.#events.record({ regarding: referenceTo(cluster), type: 'Normal', reason, action: reason, note });
  }

  /** Something that a person may have to do something about. */
  warned(cluster: Cluster, reason: string, note: string): void {
    this.#logger.warn({ cluster: `${cluster.namespace}/${cluster.name}`, reason }, note);
    this.#events.record({ regarding: referenceTo(cluster), type: 'Warning', reason, action: 'Reconcile', note });
  }

  /** Conditions have changed: of those that turned bad there is an Event, too. */
  flipped(cluster: Cluster, conditions: readonly Condition[]): void {
    const before = new Map(cluster.status.conditions?.map((condition) => [condition.type, condition]));
    for (const { type, status, reason, message } of conditions) {
      const last = before.get(type);
      if (last?.status === status && last.reason === reason) continue;
      // A new cluster is not available, and nobody has to look.
      const isOutage = type === 'Available' && status === 'False' && last?.status === 'True';
      if (isOutage || (BAD.has(type) && status === 'True')) this.warned(cluster, reason, message);
    }
  }

  /** An EtherPlyCluster that this version of the operator cannot read. */
  unreadable({ apiVersion, kind, metadata }: StoredObject, message: string): void {
    this.#logger.error({ cluster: `${metadata.namespace}/${metadata.name}` }, message);
    const regarding = { apiVersion, kind, metadata };
    this.#events.record({ regarding, type: 'Warning', reason: 'SpecUnreadable', action: 'Reconcile', note: message });
  }

  /** The API server refused something. */
  failed(cluster: Cluster, note: string): void {
    this.warned(cluster, 'Refused', note);
  }
}

/** Those that say that a person should look. */
const BAD = new Set(['Degraded', 'ScalingBlocked']);

function referenceTo({ name, namespace, uid }: Cluster) {
  return { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, metadata: { name, namespace, uid } };
}
