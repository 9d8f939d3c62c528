import { z } from 'zod';
import { workspaceId } from './ids.ts';
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

const timestamp = z.int().min(0);

/** One write: a value for a key, or its deletion. `timestamp` is in Unix microseconds. */
export const opPayload = z.union([
  z.object({ key, deleted: z.literal(true), timestamp: timestamp.optional() }),
  z.object({ key, value: json, deleted: z.literal(false).optional(), timestamp: timestamp.optional() }),
]);
export type OpPayload = z.infer<typeof opPayload>;

const opId = z.string().min(1).max(LIMITS.opIdLength);

export const opFrame = z.object({ type: z.literal('op'), id: opId.optional(), payload: opPayload });
export const opsFrame = z.object({ type: z.literal('ops'), id: opId.optional(), payload: z.array(opPayload).min(1) });
export const authFrame = z.object({ type: z.literal('auth'), token: z.string().min(1) });
export const pingFrame = z.object({ type: z.literal('ping') });

/** Everything that a client may send. */
export const clientFrame = z.discriminatedUnion('type', [opFrame, opsFrame, authFrame, pingFrame]);
export type ClientFrame = z.infer<typeof clientFrame>;

const heads = z.array(z.string());
const describesSession = {
  heads,
  workspace_id: workspaceId,
  strategy: z.string(),
  session_id: z.string(),
  user_id: z.string(),
  scopes: z.array(z.string()),
  expires_at: z.number().nullable(),
};

/** An op as clients receive it: `value`, or `deleted`. */
export const opEvent = z.union([
  z.object({ key: z.string(), deleted: z.literal(true), timestamp: z.number() }),
  z.object({ key: z.string(), value: json, timestamp: z.number() }),
]);
export type OpEvent = z.infer<typeof opEvent>;

export const initFrame = z.object({ type: z.literal('init'), data: z.record(z.string(), json), ...describesSession });
export const deltaFrame = z.object({ type: z.literal('delta'), ops: z.array(opEvent), ...describesSession });
export const opEventFrame = z.object({ type: z.literal('op'), payload: opEvent, user_id: z.string() });
export const opsEventFrame = z.object({
  type: z.literal('ops'),
  payload: z.array(opEvent),
  user_id: z.string(),
  heads,
});
/** How far an acked op got: into the synced log of this pod, or of JetStream too. */
export const durability = z.enum(['local', 'replicated']);
export type Durability = z.infer<typeof durability>;
export const ackFrame = z.object({
  type: z.literal('ack'),
  ids: z.array(z.string()),
  count: z.int(),
  heads,
  durability,
});
export type AckFrame = z.infer<typeof ackFrame>;
/** Why something was refused; the text before the colon of an `error` frame's payload. */
export const errorCode = z.enum([
  'bad_request',
  'unauthorized',
  'permission_denied',
  'not_found',
  'id_reused',
  'precondition_failed',
  'too_large',
  'unavailable',
]);
export type ErrorCode = z.infer<typeof errorCode>;
export const errorFrame = z.object({
  type: z.literal('error'),
  code: errorCode,
  payload: z.string(),
  id: z.string().optional(),
});
export const pongFrame = z.object({ type: z.literal('pong') });
export const authAnswerFrame = z.object({ type: z.literal('auth'), expires_at: z.number().nullable() });

/** Everything that a server may send. */
export const serverFrame = z.discriminatedUnion('type', [
  initFrame,
  deltaFrame,
  opEventFrame,
  opsEventFrame,
  ackFrame,
  errorFrame,
  pongFrame,
  authAnswerFrame,
]);
export type ServerFrame = z.infer<typeof serverFrame>;

/** WebSocket close codes. */
export const CLOSE = {
  tooLarge: 1009,
  restart: 1012,
  badFrames: 4400,
  tokenExpired: 4401,
  forbidden: 4403,
  tooSlow: 4408,
} as const;
