import { createHash } from 'node:crypto';
import type { KubeObject } from '../kube/object.ts';
import type { Action } from './action.ts';

/** What was left of an object when it was applied last. */
export interface Applied {
  /** Of what was wanted. */
  readonly wanted: string;
  /** Of what the API server made of it. */
  readonly found: string;
}

/**
 * Applies what is missing, has to change, or is no longer as it was left, and deletes what is no longer wanted. Which fields
 * are put back is for the API server to say: those that were applied, and no others.
 * @param observed what belongs to the cluster
 * @param applied by `kindAndName`; empty after a start, and then everything is applied once
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
    const reason = reasonOf(object, found.get(key), applied.get(key));
    return reason === undefined ? [] : [{ kind: 'apply', object, reason }];
  });
  const deletes = observed.flatMap((object): Action[] => {
    if (wanted.has(kindAndName(object)) || object.metadata.deletionTimestamp !== undefined) return [];
    return [{ kind: 'delete', object, isOrphaning: false, reason: 'the cluster no longer has it' }];
  });
  return [...applies, ...deletes];
}

/** What names an object among those of one cluster. */
export function kindAndName({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

/** To be kept after `wanted` has been applied, and `found` is what came of it. */
export function appliedOf(wanted: KubeObject, found: KubeObject): Applied {
  return { wanted: hashOf(wanted), found: hashOf(settled(found)) };
}

function reasonOf(wanted: KubeObject, found: KubeObject | undefined, applied: Applied | undefined): string | undefined {
  if (found === undefined) return applied === undefined ? 'it is new' : 'it was deleted';
  if (found.metadata.deletionTimestamp !== undefined) return undefined; // it is made again when it is gone
  if (applied === undefined) return 'the operator has started';
  if (applied.wanted !== hashOf(wanted)) return 'the cluster has changed';
  return applied.found === hashOf(settled(found)) ? undefined : 'somebody has changed it';
}

/** Without what changes by itself. */
function settled({ status: _, ...object }: KubeObject): unknown {
  const { resourceVersion: _version, generation: _generation, ...metadata } = object.metadata;
  const { managedFields: _fields, ...rest }: Record<string, unknown> = { ...metadata };
  return { ...object, metadata: rest };
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
