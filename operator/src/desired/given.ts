type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that have a value: one that is left out is not the same as one that is undefined. */
export function given<T extends object>(fields: T): Given<T> {
  const result: Given<T> = {};
  for (const key in fields) {
    const value = fields[key];
    if (isGiven(value)) result[key] = value;
  }
  return result;
}

function isGiven<V>(value: V): value is Exclude<V, undefined> {
  return value !== undefined;
}
