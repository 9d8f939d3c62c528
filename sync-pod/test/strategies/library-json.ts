import fc from 'fast-check';

/** JSON that the library gives back as it was: its JavaScript values lose members that are called `__proto__`. */
export function libraryJson(constraints: fc.JsonSharedConstraints): fc.Arbitrary<unknown> {
  return fc.jsonValue(constraints).filter((json) => !JSON.stringify(json).includes('"__proto__"'));
}
