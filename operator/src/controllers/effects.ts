import type { Cluster } from '../api/cluster.ts';
import { KINDS, type Kind, kindOf } from '../kube/kinds.ts';
import { type KubeObject, keyOf, type ObjectRef } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { Action } from '../plan/action.ts';
import { CHANGED, isUntouched, MISSING, UNCHECKED } from '../plan/objects.ts';
import { type PodControl, PodControlError } from '../pods/pod-control.ts';
import { ApiError } from '../runtime/api-error.ts';
import { type DeleteOptions, type KubeClient, WriteRefusedError } from '../runtime/kube-client.ts';
import { withAdvice } from './advice.ts';
import type { AppliedObjects } from './applied-objects.ts';
import type { Told } from './told.ts';

interface Parts {
  readonly client: KubeClient;
  readonly pods: PodControl;
  readonly applied: AppliedObjects;
  readonly told: Told;
  /** Another operator may act as soon as this is false. */
  readonly isLeader: () => boolean;
}

/** What became of actions. */
interface Outcome {
  /** What was refused, for a person. */
  readonly failures: readonly string[];
  /** Something has not been done, because it was planned for an object that has changed since. */
  readonly isLate: boolean;
}

/** What an action is about has changed since it was planned. */
class LateError extends Error {
  override readonly name = 'LateError';
}

/** Does what plans say. */
export class Effects {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Carries out each action, also after one that was refused.
   * @param token for the pods
   * @throws ApiUnavailableError
   */
  async carryOut(cluster: Cluster, actions: readonly Action[], token: string | undefined): Promise<Outcome> {
    const failures: string[] = [];
    let isLate = false;
    for (const action of actions) {
      if (!this.#parts.isLeader()) throw new WriteRefusedError('this operator does not lead any more');
      try {
        await this.#carryOut(cluster, action, token);
      } catch (error) {
        if (error instanceof LateError) {
          isLate = true;
          continue;
        }
        const failure = refusalOf(error, action);
        if (failure === undefined) throw error;
        failures.push(failure);
        this.#parts.told.failed(cluster, failure);
      }
    }
    return { failures, isLate };
  }

  async #carryOut(cluster: Cluster, action: Action, token: string | undefined): Promise<void> {
    const { client, pods, told } = this.#parts;
    switch (action.kind) {
      case 'apply':
        return this.#apply(cluster, action);
      case 'delete': {
        const { object, isOrphaning, reason } = action;
        const propagation = isOrphaning ? 'Orphan' : 'Background';
        if (!(await this.#delete(kindOf(object), refTo(object), { ...uidOf(object), propagation }))) return;
        return told.done(cluster, 'Deleted', `${nameOf(object)} was deleted: ${reason}`);
      }
      case 'drain': {
        const { pod, reason } = action;
        if (pod.ip === undefined || token === undefined) return;
        await pods.drain({ ip: pod.ip, token }, drainSeconds(cluster));
        return told.done(cluster, 'Draining', `${pod.name} hands over what it has: ${reason}`);
      }
      case 'resume': {
        const { pod, reason } = action;
        if (pod.ip === undefined || token === undefined) return;
        await pods.resume({ ip: pod.ip, token });
        return told.done(cluster, 'Resumed', `${pod.name} serves again: ${reason}`);
      }
      case 'replace': {
        const { pod, reason } = action;
        const ref = { namespace: cluster.namespace, name: pod.name };
        if (!(await this.#delete(KINDS.Pod, ref, { uid: pod.uid }))) return;
        return told.done(cluster, 'Replaced', `${pod.name} is made anew: ${reason}`);
      }
      case 'grow': {
        const { claim, size, reason } = action;
        const patch = { spec: { resources: { requests: { storage: size } } } };
        await client.mergePatch(KINDS.PersistentVolumeClaim, { namespace: cluster.namespace, name: claim.name }, patch);
        return told.done(cluster, 'Growing', `${claim.name} asks for ${size} instead of ${claim.size}: ${reason}`);
      }
    }
  }

  /** @returns false where it was gone already, or another one is in its place */
  async #delete(kind: Kind, ref: ObjectRef, options: DeleteOptions): Promise<boolean> {
    try {
      return await this.#parts.client.delete(kind, ref, options);
    } catch (error) {
      if (error instanceof ApiError && error.isConflict) return false;
      throw error;
    }
  }

  async #apply(cluster: Cluster, action: Extract<Action, { kind: 'apply' }>): Promise<void> {
    const { object, onlyAs, reason, found: before } = action;
    const { client, applied, told } = this.#parts;
    const resourceVersion = onlyAs === undefined ? {} : { resourceVersion: onlyAs };
    let found: StoredObject;
    try {
      found = await client.apply({ ...object, metadata: { ...object.metadata, ...resourceVersion } });
    } catch (error) {
      // It has changed since it was seen, and is looked at again as soon as that is seen.
      if (onlyAs !== undefined && error instanceof ApiError && error.isConflict) throw new LateError();
      throw error;
    }
    applied.add(keyOf(cluster), object, found);
    if (reason === UNCHECKED) return;
    if (reason === CHANGED && before !== undefined && isUntouched(object, before, found)) return;
    const [word, verb] =
      reason === MISSING
        ? ['Created', 'was made']
        : reason === CHANGED
          ? ['Restored', 'was put back']
          : ['Updated', 'was changed'];
    told.done(cluster, word, `${nameOf(object)} ${verb}: ${reason}`);
  }
}

/** What a person may have to do something about; undefined: it passes, or is our fault. */
function refusalOf(error: unknown, action: Action): string | undefined {
  if (error instanceof ApiError) return `${subjectOf(action)}: ${withAdvice(error)}`;
  return error instanceof PodControlError ? `${subjectOf(action)}: ${error.message}` : undefined;
}

function subjectOf(action: Action): string {
  if ('object' in action) return nameOf(action.object);
  return 'pod' in action ? action.pod.name : action.claim.name;
}

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

function refTo({ metadata: { name, namespace } }: KubeObject): ObjectRef {
  return { name, ...(namespace !== undefined && { namespace }) };
}

function uidOf({ metadata: { uid } }: KubeObject): { readonly uid?: string } {
  return uid === undefined ? {} : { uid };
}

/** Over so long clients are sent away: they come back elsewhere, and not all at once. */
function drainSeconds({ spec }: Cluster): number {
  return Math.min(20, Math.floor(spec.podTemplate.terminationGracePeriodSeconds / 2));
}
