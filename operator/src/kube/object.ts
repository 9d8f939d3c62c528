/** What every object of Kubernetes has: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name: string;
  /** Absent in what belongs to the whole Kubernetes cluster. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; it is being deleted. */
  readonly deletionTimestamp?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** An object of Kubernetes, with whatever else it has. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Where an object is, among those of its kind. */
export interface ObjectRef {
  /** Absent for kinds that are in no namespace. */
  readonly namespace?: string;
  readonly name: string;
}

/** `namespace/name`, or only the name: one text for each reference, as the keys of caches and queues are. */
export type ObjectKey = string;

export function keyOf({ namespace, name }: ObjectRef): ObjectKey {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The reference that `keyOf` made a key of: neither namespaces nor names have slashes. */
export function refOf(key: ObjectKey): ObjectRef {
  const at = key.indexOf('/');
  return at === -1 ? { name: key } : { namespace: key.slice(0, at), name: key.slice(at + 1) };
}
