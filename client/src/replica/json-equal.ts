import type { Json } from '@etherply/protocol';

/** Whether two values are the same JSON, whatever the order of names in objects. `undefined` stands for no value. */
export function jsonEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const mine = new Map(Object.entries(a));
  const theirs = Object.entries(b);
  return (
    mine.size === theirs.length && theirs.every(([name, value]) => mine.has(name) && jsonEqual(mine.get(name), value))
  );
}
