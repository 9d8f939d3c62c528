import type { Kind } from './kinds.ts';
import type { ObjectRef } from './object.ts';

/** Where all objects of a kind are, or those of one namespace. */
export function collectionPath({ apiVersion, plural }: Kind, namespace?: string): string {
  // The core group is older than groups are.
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === undefined
    ? `${group}/${plural}`
    : `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/**
 * Where one object is, or a part of it (`status`, `scale`).
 * @throws where the reference has a namespace and the kind has none, or the other way round
 */
export function objectPath(kind: Kind, { namespace, name }: ObjectRef, subresource?: string): string {
  if ((namespace !== undefined) !== kind.namespaced) {
    throw new Error(`${kind.kind} ${name}: ${kind.namespaced ? 'a namespace is missing' : 'it has no namespace'}`);
  }
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
