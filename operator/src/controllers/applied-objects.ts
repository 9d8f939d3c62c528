import type { KubeObject, ObjectKey } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { type Applied, appliedOf, kindAndName } from '../plan/objects.ts';

/** What the operator has applied since it started, for each cluster: whoever changes it later is found out. */
export class AppliedObjects {
  readonly #clusters = new Map<ObjectKey, Map<string, Applied>>();

  of(cluster: ObjectKey): ReadonlyMap<string, Applied> {
    return this.#clusters.get(cluster) ?? new Map();
  }

  add(cluster: ObjectKey, wanted: KubeObject, found: StoredObject): void {
    const objects = this.#clusters.get(cluster) ?? new Map<string, Applied>();
    this.#clusters.set(cluster, objects.set(kindAndName(wanted), appliedOf(wanted, found)));
  }

  /** It is gone, or was going when it was looked at last. */
  delete(cluster: ObjectKey, object: KubeObject): void {
    this.#clusters.get(cluster)?.delete(kindAndName(object));
  }

  /** The cluster is gone. */
  forget(cluster: ObjectKey): void {
    this.#clusters.delete(cluster);
  }
}
