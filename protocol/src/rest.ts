import { z } from 'zod';
import { ackFrame, errorCode, json, opPayload } from './frames.ts';
import { LIMITS } from './limits.ts';

const restOp = z.intersection(opPayload, z.object({ id: z.string().min(1).max(LIMITS.opIdLength).optional() }));

/** The body of `POST /v1/workspaces/{id}/ops`: one op, or an array that takes effect as a whole. */
export const postOpsBody = z.union([z.array(restOp).min(1), restOp]);
export const postOpsAnswer = ackFrame.omit({ type: true });
export const workspaceAnswer = z.object({ data: z.record(z.string(), json), heads: z.array(z.string()) });
export const errorAnswer = z.object({ error: z.object({ code: errorCode, message: z.string() }) });
