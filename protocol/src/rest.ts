import { z } from 'zod';
import { ackFrame, errorCode, opId } from './frames.ts';
import { presenceEntry } from './presence.ts';
import { json, opPayload } from './values.ts';

const restOp = z.intersection(opPayload, z.object({ id: opId.optional() }));

/** The body of `POST /v1/workspaces/{id}/ops`: one op, or an array that takes effect as a whole. */
export const postOpsBody = z.union([z.array(restOp).min(1), restOp]);
export const postOpsAnswer = ackFrame.omit({ type: true });
export const workspaceAnswer = z.object({ data: z.record(z.string(), json), heads: z.array(z.string()) });
export const presenceAnswer = z.array(presenceEntry);

const user_id = z.string().nullable();
/** Where inside the value of a key: keys of maps, and indexes of lists and of UTF-16 units of texts, as they were after the op. */
const path = z.array(z.union([z.string(), z.int()]));
const inside = { key: z.string(), path, user_id };
const writtenOp = z.union([
  z.object({ ...inside, put: json }),
  z.object({ ...inside, insert: z.union([z.string(), z.array(json)]) }),
  z.object({ ...inside, remove: z.int() }),
  z.object({ ...inside, increment: z.number() }),
  z.object({ ...inside, mark: z.object({ name: z.string(), value: json, length: z.int() }) }),
  z.object({ key: z.string(), value: json, user_id }),
  z.object({ key: z.string(), deleted: z.literal(true), user_id }),
]);
/** One commit of a workspace. */
export const historyEntry = z.object({
  /** Names the commit: what `before` and `heads` take. */
  hash: z.string(),
  /** Which process committed it. */
  actor: z.string(),
  /** Who wrote it; null where several did (each op says who), or where nobody is known. */
  user_id: z.string().nullable(),
  /** Unix microseconds. */
  timestamp: z.number(),
  message: z.string().nullable(),
  ops: z.array(writtenOp),
  /** It did more than `ops` says. */
  truncated: z.literal(true).optional(),
});
export type HistoryEntry = z.infer<typeof historyEntry>;
/** Newest first. */
export const historyAnswer = z.array(historyEntry);

/** Counters of one pod since its start. */
export const statsAnswer = z.object({
  uptime_seconds: z.number(),
  connections: z.int(),
  workspaces_open: z.int(),
  pending_bytes: z.int(),
  ops: z.int(),
  acks: z.int(),
  rejected: z.int(),
  received_bytes: z.int(),
  sent_bytes: z.int(),
});

const counted = {
  /** Messages with ops that clients sent. */
  messages: z.int(),
  ops: z.int(),
  /** Bytes of these messages. */
  bytes: z.int(),
};
/** What clients sent to a workspace from `start` to before `end`, in whole hours of UTC (RFC 3339). */
export const usageAnswer = z.object({
  workspace_id: z.string(),
  start: z.string(),
  end: z.string(),
  ...counted,
  hours: z.array(z.object({ start: z.string(), ...counted })),
});

export const errorAnswer = z.object({ error: z.object({ code: errorCode, message: z.string() }) });
