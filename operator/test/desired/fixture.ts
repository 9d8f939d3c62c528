import { type Cluster, clusterSpec } from '../../src/api/cluster.ts';
import type { Circumstances } from '../../src/desired/desired.ts';
import { desiredObjects } from '../../src/desired/desired-objects.ts';
import type { KubeObject } from '../../src/kube/object.ts';

/** A spec as a person writes it: what is left out is filled in. */
export type Written = Readonly<Record<string, unknown>>;

const AUTH = { secretRef: { name: 'demo-auth' } };

/** The cluster `demo` in the namespace `chat`. */
export function clusterOf(written: Written = {}): Cluster {
  return {
    name: 'demo',
    namespace: 'chat',
    uid: '7f1c3c54-7a0b-4a67-8f0b-3d1f6a2b9f10',
    generation: 1,
    isBeingDeleted: false,
    finalizers: [],
    spec: clusterSpec.parse({ auth: AUTH, ...written }),
    status: {},
  };
}

/** With every optional kind there. */
export function circumstancesOf(changes: Partial<Circumstances> = {}): Circumstances {
  return {
    version: '1.2.3',
    operatorNamespace: 'etherply-system',
    clusterDomain: 'cluster.local',
    replicas: 3,
    secrets: new Map([
      ['demo-auth', { keys: new Set(['jwt-secret']), hash: 'a' }],
      ['demo-control', { keys: new Set(['token']), hash: 'b' }],
      ['demo-nats', { keys: new Set(['user', 'password']), hash: 'c' }],
    ]),
    apis: { podMonitor: true, httpRoute: true, backendTrafficPolicy: true, scaledObject: true },
    ...changes,
  };
}

/** All objects of the cluster with this spec. */
export function objectsOf(written: Written = {}, changes: Partial<Circumstances> = {}): readonly KubeObject[] {
  return desiredObjects(clusterOf(written), circumstancesOf(changes));
}

/** `Kind/name` of each. */
export function idsOf(objects: readonly KubeObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

/** What is at the path, as `spec.template.spec.containers.0.image`; undefined: nothing. */
export function at(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((part, key) => {
    if (typeof part !== 'object' || part === null) return undefined;
    return Object.entries(part).find(([name]) => name === key)?.[1];
  }, object);
}

/** The object of the spec, which must be there. */
export function objectOf(id: string, written: Written = {}, changes: Partial<Circumstances> = {}): KubeObject {
  const objects = objectsOf(written, changes);
  const found = objects.find(({ kind, metadata }) => `${kind}/${metadata.name}` === id);
  if (found === undefined) throw new Error(`there is no ${id} among ${idsOf(objects).join(', ')}`);
  return found;
}
