import { z } from 'zod';
import { workspaceId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { presenceEntry, presenceStatus } from './presence.ts';
import { json, opPayload } from './values.ts';

/** Names an op, so that sending it again takes effect once. */
export const opId = z.string().min(1).max(LIMITS.opIdLength);

const messageId = opId.optional().describe('Names the message, so that a resend takes effect once.');
export const opFrame = z
  .object({ type: z.literal('op'), id: messageId, payload: opPayload.describe('The write.') })
  .describe('Writes or deletes one key.');
export const opsFrame = z
  .object({
    type: z.literal('ops'),
    id: messageId,
    payload: z.array(opPayload).min(1).describe('In this order, all or none of them.'),
  })
  .describe('A transaction.');
export const presenceUpdateFrame = z
  .object({
    type: z.literal('presence'),
    payload: json.optional().describe('Absent: stays as it is.'),
    status: presenceStatus.optional().describe('Absent: stays as it is.'),
  })
  .describe('What this session says of itself.');
export const authFrame = z
  .object({ type: z.literal('auth'), token: z.string().min(1).describe('A JWT of the same user.') })
  .describe('A token that takes over from the one before.');
export const pingFrame = z.object({ type: z.literal('ping') }).describe('Is answered with `pong`.');

/** Everything that a client may send. */
export const clientFrame = z.discriminatedUnion('type', [opFrame, opsFrame, presenceUpdateFrame, authFrame, pingFrame]);
export type ClientFrame = z.infer<typeof clientFrame>;

const heads = z.array(z.string()).describe('Names the state that you have with this frame; opaque.');
const expiresAt = z.number().nullable().describe('Unix seconds at which the token ends; null: never.');
const author = z.string().describe('Who wrote; empty: not told, because this repeats what keys hold.');
const describesSession = {
  heads,
  workspace_id: workspaceId.describe('The workspace.'),
  strategy: z.string().describe('How it turns ops into state: `automerge`, `lww` or `server-auth`.'),
  session_id: z.string().describe('This connection; the same as in `X-Session-ID`.'),
  user_id: z.string().describe('Whose ops yours are.'),
  scopes: z.array(z.string()).describe('What the token allows: `read`, `write`, `admin`.'),
  expires_at: expiresAt,
};

/** An op as clients receive it: `value`, or `deleted`. */
const describesOpEvent = {
  key: z.string().describe('The key.'),
  timestamp: z.number().describe('Unix microseconds, as the workspace keeps it.'),
};
export const opEvent = z
  .union([
    z.object({ ...describesOpEvent, deleted: z.literal(true).describe('The key holds nothing any more.') }),
    z.object({ ...describesOpEvent, value: json.describe('What the key holds now, as a whole.') }),
  ])
  .meta({ title: 'op event' });
export type OpEvent = z.infer<typeof opEvent>;

export const initFrame = z
  .object({
    type: z.literal('init'),
    data: z.record(z.string(), json).describe('The whole state: each key with its value.'),
    ...describesSession,
  })
  .describe('The first frame.');
export const deltaFrame = z
  .object({
    type: z.literal('delta'),
    ops: z.array(opEvent).describe('Each key that has changed since the heads that you came with, once.'),
    ...describesSession,
  })
  .describe('The first frame, where your heads are known.');
export const opEventFrame = z
  .object({ type: z.literal('op'), payload: opEvent.describe('What was written.'), user_id: author })
  .describe('An op of somebody else, to a connection without batches.');
export const opsEventFrame = z
  .object({
    type: z.literal('ops'),
    payload: z.array(opEvent).describe('In order.'),
    user_id: author,
    heads,
  })
  .describe('Ops of somebody else, to a connection with batches.');
/** How far an acked op got: into the synced log of this pod, or of JetStream too. */
export const durability = z.enum(['local', 'replicated']);
export type Durability = z.infer<typeof durability>;
export const ackFrame = z
  .object({
    type: z.literal('ack'),
    ids: z
      .array(z.string())
      .describe('Those of the messages, as far as they had one, in the order in which they count.'),
    count: z.int().describe('How many ops, with and without an id.'),
    heads,
    durability: durability.describe('How far they got.'),
  })
  .describe('Your ops are durable.');
export type AckFrame = z.infer<typeof ackFrame>;
/** Why the rules of a server-authoritative workspace refused an op. */
export const rejectCode = z.enum(['schema_violation', 'writer_not_allowed', 'step_too_large', 'key_rate_exceeded']);
export type RejectCode = z.infer<typeof rejectCode>;
const describesReject = {
  type: z.literal('reject'),
  id: z.string().optional().describe('That of your message, where it had one.'),
  key: z.string().describe('The key whose op is to blame.'),
  code: rejectCode.describe('Why: one of the reject codes.'),
  message: z.string().describe('Why, for people.'),
  heads,
};
/** A message without effect, because of its op on `key`: what the key holds instead is `value`, or nothing where it is `deleted`. */
export const rejectFrame = z
  .union([
    z.object({ ...describesReject, value: json.describe('What the key holds.') }),
    z.object({ ...describesReject, deleted: z.literal(true).describe('The key holds nothing.') }),
  ])
  .describe('Your message has no effect: it is against the rules of the workspace.');
export type RejectFrame = z.infer<typeof rejectFrame>;
/** Who is here: `snapshot` comes once, after the first frame; then what has changed since. */
export const presenceFrame = z
  .union([
    z.object({ type: z.literal('presence'), snapshot: z.array(presenceEntry).describe('All who are here, you too.') }),
    z.object({
      type: z.literal('presence'),
      joined: z.array(presenceEntry).describe('Who came.'),
      updated: z.array(presenceEntry).describe('Who said something new.'),
      left: z.array(presenceEntry).describe('Who went, as last seen.'),
    }),
  ])
  .describe('Who is here: first the snapshot, then changes.');
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
export const errorFrame = z
  .object({
    type: z.literal('error'),
    code: errorCode.describe('Why: one of the error codes.'),
    payload: z.string().describe('The code, a colon, and why, for people.'),
    id: z.string().optional().describe('That of the message it is about, where there is one.'),
  })
  .describe('Something that you sent was not taken.');
export const pongFrame = z.object({ type: z.literal('pong') }).describe('Answers `ping`.');
export const authAnswerFrame = z
  .object({ type: z.literal('auth'), expires_at: expiresAt })
  .describe('Your new token has taken over.');

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
