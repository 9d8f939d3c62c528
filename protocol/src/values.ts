import { z } from 'zod';
import { LIMITS } from './limits.ts';

/** Any JSON value, as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is wrong with a JSON value that EtherPly cannot keep exactly, or undefined where nothing is. */
export function valueProblem(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'is not valid Unicode (a lone surrogate)';
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'is a number out of range';
  if (typeof value !== 'object' || value === null) return value === undefined ? 'is missing' : undefined;
  if (depth >= LIMITS.valueDepth) return `nests deeper than ${LIMITS.valueDepth} levels`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = valueProblem(item, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  for (const [name, item] of Object.entries(value)) {
    const problem = name.isWellFormed() ? valueProblem(item, depth + 1) : 'has a name that is not valid Unicode';
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Any JSON but numbers beyond a double, lone surrogates and extreme nesting: what comes back exactly as it went in. */
export const json = z.custom<Json>((value) => valueProblem(value) === undefined, {
  error: (issue) => `value ${valueProblem(issue.input)}`,
});

/** A key of the root map: any text of 1 to 256 bytes. */
export const key = z
  .string()
  .min(1)
  .refine(
    (text) => text.length <= LIMITS.keyBytes && text.isWellFormed() && Buffer.byteLength(text) <= LIMITS.keyBytes,
    {
      error: `a key is 1 to ${LIMITS.keyBytes} bytes of valid UTF-8`,
    },
  );

const timestamp = z
  .int()
  .min(0)
  .optional()
  .describe("When it was written, in Unix microseconds; absent: the server's time.");
const describesKey = key.describe(`1 to ${LIMITS.keyBytes} bytes of UTF-8.`);

/** One write: a value for a key, or its deletion. `timestamp` is in Unix microseconds. */
export const opPayload = z
  .union([
    z.object({ key: describesKey, deleted: z.literal(true).describe('Deletes the key.'), timestamp }),
    z.object({
      key: describesKey,
      value: json.describe('What the key is to hold.'),
      deleted: z.literal(false).optional(),
      timestamp,
    }),
  ])
  .meta({ title: 'op' });
export type OpPayload = z.infer<typeof opPayload>;
