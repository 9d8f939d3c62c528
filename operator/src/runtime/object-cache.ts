import { keyOf, type ObjectKey } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';

export type Change =
  | { readonly type: 'added'; readonly object: StoredObject }
  | { readonly type: 'updated'; readonly object: StoredObject; readonly before: StoredObject }
  /** As it was last seen. */
  | { readonly type: 'deleted'; readonly object: StoredObject };

/** Objects of one kind as they were last seen. Each method returns what is different then. */
export class ObjectCache {
  #objects = new Map<ObjectKey, StoredObject>();

  get(key: ObjectKey): StoredObject | undefined {
    return this.#objects.get(key);
  }

  list(): StoredObject[] {
    return [...this.#objects.values()];
  }

  set(object: StoredObject): Change[] {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    return difference(before, object);
  }

  delete(object: StoredObject): Change[] {
    const wasThere = this.#objects.delete(keyOf(object.metadata));
    return wasThere ? [{ type: 'deleted', object }] : [];
  }

  /** There are these, and no others. */
  replace(objects: readonly StoredObject[]): Change[] {
    const before = this.#objects;
    this.#objects = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    const gone = [...before].filter(([key]) => !this.#objects.has(key)).map(([, object]) => object);
    return [
      ...gone.map((object) => ({ type: 'deleted', object }) as const),
      ...objects.flatMap((object) => difference(before.get(keyOf(object.metadata)), object)),
    ];
  }
}

function difference(before: StoredObject | undefined, object: StoredObject): Change[] {
  if (before === undefined) return [{ type: 'added', object }];
  if (before.metadata.uid !== object.metadata.uid) {
    // It went and another one came while nobody watched.
    return [
      { type: 'deleted', object: before },
      { type: 'added', object },
    ];
  }
  return before.metadata.resourceVersion === object.metadata.resourceVersion
    ? []
    : [{ type: 'updated', object, before }];
}
