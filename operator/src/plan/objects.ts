import { hashOf } from '../desired/hash.ts';
import type { KubeObject, ObjectMeta } from '../kube/object.ts';
import type { Action } from './action.ts';

/** What was left of an object when it was applied last. */
export interface Applied {
  /** Hash of what was wanted. */
  readonly wanted: string;
  /** Hash of what the API server made of it. */
  readonly found: string;
  /** Its resourceVersion then. */
  readonly version: string;
}

/** Why something is applied. */
export const MISSING = 'it is not there';
export const UNCHECKED = 'the operator has not looked at it since its start';
export const CHANGED = 'somebody has changed it';
const WANTED = 'the cluster has changed';

/**
 * Applies what is missing, has to change, or is no longer as it was left, and deletes what is no longer wanted. Which fields
 * are put back is for the API server to say: those that were applied, and no others.
 * @param observed what belongs to the cluster
 * @param applied by `kindAndName`, without what has been seen to go; empty after a start, and then everything is applied once
 */
export function planObjects(
  desired: readonly KubeObject[],
  observed: readonly KubeObject[],
  applied: ReadonlyMap<string, Applied>,
): readonly Action[] {
  const found = new Map(observed.map((object) => [kindAndName(object), object]));
  const wanted = new Set(desired.map(kindAndName));
  const applies = desired.flatMap((object): Action[] => {
    const key = kindAndName(object);
    const there = found.get(key);
    const reason = reasonOf(object, there, applied.get(key));
    if (reason === undefined) return [];
    return [{ kind: 'apply', object, ...(reason === CHANGED && there && { found: there }), ...onlyAs(there), reason }];
  });
  const deletes = observed.flatMap((object): Action[] => {
    const { deletionTimestamp, ownerReferences = [] } = object.metadata;
    // What belongs to nobody any more somebody has kept.
    if (wanted.has(kindAndName(object)) || deletionTimestamp !== undefined || ownerReferences.length === 0) return [];
    return [{ kind: 'delete', object, isOrphaning: false, reason: 'the cluster no longer has it' }];
  });
  return [...applies, ...deletes];
}

/** Pods that come or go may have done so since a StatefulSet was seen: who is late must not take one away again. */
function onlyAs(found: KubeObject | undefined): { readonly onlyAs?: string } {
  const version = found?.kind === 'StatefulSet' ? found.metadata.resourceVersion : undefined;
  return version === undefined ? {} : { onlyAs: version };
}

/** What names an object among those of one cluster. */
export function kindAndName({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

/** To be kept after `wanted` has been applied, and `found` is what came of it. */
export function appliedOf(wanted: KubeObject, found: KubeObject): Applied {
  return {
    wanted: hashOf(wanted),
    found: hashOf(settled(found, wanted)),
    version: found.metadata.resourceVersion ?? '0',
  };
}

/** Whether applying `wanted` made no difference: what somebody had added is not the operator's, and stays. */
export function isUntouched(wanted: KubeObject, before: KubeObject, after: KubeObject): boolean {
  return hashOf(settled(before, wanted)) === hashOf(settled(after, wanted));
}

function reasonOf(wanted: KubeObject, found: KubeObject | undefined, applied: Applied | undefined): string | undefined {
  // One that was applied and has not been seen to go will be seen soon.
  if (found === undefined) return applied === undefined ? MISSING : undefined;
  if (found.metadata.deletionTimestamp !== undefined) return undefined; // it is made again when it is gone
  if (applied === undefined) return UNCHECKED;
  if (applied.wanted !== hashOf(wanted)) return WANTED;
  if (isOlder(found, applied)) return undefined;
  return applied.found === hashOf(settled(found, wanted)) ? undefined : CHANGED;
}

/** Versions are numbers that rise: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isOlder({ metadata }: KubeObject, { version }: Applied): boolean {
  return BigInt(metadata.resourceVersion ?? 0) < BigInt(version);
}

/** What is put back: without what changes by itself, and without labels and annotations that others have added. */
function settled({ status: _, ...object }: KubeObject, wanted: KubeObject): unknown {
  const { resourceVersion: _version, generation: _generation, labels, annotations, ...rest } = object.metadata;
  const { managedFields: _fields, ...metadata }: Record<string, unknown> = { ...rest };
  const ours = {
    labels: among(labels, wanted.metadata.labels),
    annotations: among(annotations, wanted.metadata.annotations),
  };
  return { ...object, metadata: { ...metadata, ...ours } };
}

function among(all: ObjectMeta['labels'], wanted: ObjectMeta['labels']): readonly string[][] {
  return Object.entries(all ?? {}).filter(([name]) => wanted?.[name] !== undefined);
}
