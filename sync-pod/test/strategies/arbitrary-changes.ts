import type { Json } from '@etherply/protocol';
import fc from 'fast-check';
import type { RootWrite } from '../../src/strategy/automerge/change.ts';
import type { ChangeHeader } from '../../src/strategy/automerge/change-draft.ts';

const ACTORS = ['aa'.repeat(16), '11'.repeat(16), 'bb'.repeat(4), 'cc'.repeat(16)];

/** JSON with such numbers. */
export const json = (number: fc.Arbitrary<number>) =>
  fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      fc.string({ unit: 'grapheme' }),
      number,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }),
    ),
  })).value;

/** Numbers that the library reads as they are. */
export const readExactly = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -200, max: 200 }),
  fc.constantFrom(0.5, -1.25, -0),
);

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));

export const header: fc.Arbitrary<ChangeHeader> = fc.record({
  actor: fc.constantFrom(...ACTORS),
  seq: fc.integer({ min: 1, max: 2 ** 31 }),
  startOp: fc.integer({ min: 1000, max: 2 ** 31 }),
  deps: fc.uniqueArray(hash, { maxLength: 4 }),
  time: fc.integer({ min: 0, max: 2 ** 35 }),
  message: fc.string({ unit: 'grapheme' }),
});

export const writes = (value: fc.Arbitrary<Json>): fc.Arbitrary<RootWrite[]> =>
  fc.array(
    fc.record({
      key: fc.oneof(fc.constantFrom('a', 'b', 'ключ'), fc.string({ unit: 'grapheme', minLength: 1 })),
      value: fc.option(value, { nil: undefined, freq: 4 }),
      pred: fc
        .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom(...ACTORS)), {
          maxLength: 3,
          selector: String,
        })
        .map((ids) => ids.toSorted(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)).map((id) => id.join('@'))),
    }),
    { minLength: 1, maxLength: 12 },
  );
