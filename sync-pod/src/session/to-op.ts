import type { OpPayload } from '@etherply/protocol';
import type { Op } from '../strategy/strategy.ts';

/** The op of a payload; where it has no timestamp, the server's time. */
export function toOp(payload: OpPayload, nowMs: number): Op {
  const timestamp = payload.timestamp ?? nowMs * 1000;
  if (payload.deleted === true) return { key: payload.key, json: undefined, value: undefined, timestamp };
  return { key: payload.key, json: JSON.stringify(payload.value), value: payload.value, timestamp };
}
