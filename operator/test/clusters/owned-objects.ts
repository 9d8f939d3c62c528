import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';

/** What clusters are made of, but for Secrets and kinds that are not part of Kubernetes itself. */
const OWNED = [
  KINDS.ServiceAccount,
  KINDS.ConfigMap,
  KINDS.Service,
  KINDS.NetworkPolicy,
  KINDS.PodDisruptionBudget,
  KINDS.StatefulSet,
  KINDS.Deployment,
  KINDS.HorizontalPodAutoscaler,
  KINDS.Ingress,
];

/** The objects of a cluster at one moment, by kind and name: `StatefulSet c`. */
export type OwnedObjects = ReadonlyMap<string, StoredObject>;

/** All objects that the operator has made in a namespace. */
export async function ownedObjects(client: KubeClient, namespace: string): Promise<OwnedObjects> {
  const labelSelector = 'app.kubernetes.io/managed-by=etherply-operator';
  const lists = await Promise.all(OWNED.map((kind) => client.list(kind, { namespace, labelSelector })));
  return new Map(
    lists.flatMap(({ items }) => items).map((object) => [`${object.kind} ${object.metadata.name}`, object]),
  );
}

/** What is different between two moments, each sorted. */
export interface Difference {
  readonly made: readonly string[];
  readonly changed: readonly string[];
  readonly deleted: readonly string[];
  /** Those whose pods are to be made anew. */
  readonly rolled: readonly string[];
}

export function differenceOf(before: OwnedObjects, after: OwnedObjects): Difference {
  const both = [...after.keys()].filter((name) => before.has(name));
  const differs = (of: (object: StoredObject) => unknown) =>
    both.filter((name) => !isDeepStrictEqual(of(required(before, name)), of(required(after, name)))).sort();
  return {
    made: [...after.keys()].filter((name) => !before.has(name)).sort(),
    changed: differs(contentOf),
    deleted: [...before.keys()].filter((name) => !after.has(name)).sort(),
    rolled: differs((object) => templated.safeParse(object).data?.spec.template),
  };
}

/** @throws where it is not there */
export function required(objects: OwnedObjects, name: string): StoredObject {
  const found = objects.get(name);
  if (found === undefined) throw new Error(`there is no ${name}, but ${[...objects.keys()].join(', ')}`);
  return found;
}

const templated = z.looseObject({ spec: z.looseObject({ template: z.unknown() }) });

/** What the operator says of it. */
function contentOf({ metadata, status: _, ...object }: StoredObject): unknown {
  const { labels, annotations: all = {} } = metadata;
  const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = all;
  return { ...object, labels, annotations };
}
