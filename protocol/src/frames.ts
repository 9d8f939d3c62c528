import { z } from 'zod';
import { workspaceId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { presenceEntry, presenceStatus } from './presence.ts';
import { json, opPayload } from './values.ts';

/** Names an op, so that sending it again takes effect once. */
export const opId = z.string().min(1).max(LIMITS.opIdLength);

export const opFrame = z.object({ type: z.literal('op'), id: opId.optional(), payload: opPayload });
export const opsFrame = z.object({ type: z.literal('ops'), id: opId.optional(), payload: z.array(opPayload).min(1) });
export const presenceUpdateFrame = z.object({
  type: z.literal('presence'),
  payload: json.optional(),
  status: presenceStatus.optional(),
});
export const authFrame = z.object({ type: z.literal('auth'), token: z.string().min(1) });
export const pingFrame = z.object({ type: z.literal('ping') });

/** Everything that a client may send. */
export const clientFrame = z.discriminatedUnion('type', [opFrame, opsFrame, presenceUpdateFrame, authFrame, pingFrame]);
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
/** Why the rules of a server-authoritative workspace refused an op. */
export const rejectCode = z.enum(['schema_violation', 'writer_not_allowed', 'step_too_large', 'key_rate_exceeded']);
export type RejectCode = z.infer<typeof rejectCode>;
const describesReject = {
  type: z.literal('reject'),
  id: z.string().optional(),
  key: z.string(),
  code: rejectCode,
  message: z.string(),
  heads,
};
/** A message without effect, because of its op on `key`: what the key holds instead is `value`, or nothing where it is `deleted`. */
export const rejectFrame = z.union([
  z.object({ ...describesReject, value: json }),
  z.object({ ...describesReject, deleted: z.literal(true) }),
]);
export type RejectFrame = z.infer<typeof rejectFrame>;
/** Who is here: `snapshot` comes once, after the first frame; then what has changed since. */
export const presenceFrame = z.union([
  z.object({ type: z.literal('presence'), snapshot: z.array(presenceEntry) }),
  z.object({
    type: z.literal('presence'),
    joined: z.array(presenceEntry),
    updated: z.array(presenceEntry),
    left: z.array(presenceEntry),
  }),
]);
export type PresenceFrame = z.infer<typeof presenceFrame>;
/** Why something was refused; the text before the colon of an `error` frame's payload. */
export const errorCode = z.enum([
  'bad_request',
  'unauthorized',
  'permission_denied',
  'not_found',
  'id_reused',
  'precondition_failed',
  'too_large',
  'too_fast',
  'quota_exceeded',
  'rejected',
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
export const serverFrame = z.union([
  z.discriminatedUnion('type', [
    initFrame,
    deltaFrame,
    opEventFrame,
    opsEventFrame,
    ackFrame,
    errorFrame,
    pongFrame,
    authAnswerFrame,
  ]),
  rejectFrame,
  presenceFrame,
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
  deleted: 4410,
  tooFast: 4429,
} as const;
