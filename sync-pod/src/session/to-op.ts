import type { OpPayload } from '@etherply/protocol';
import type { Op } from '../strategy/strategy.ts';

/** The op of a payload. */
export function toOp(payload: OpPayload): Op {
  const { key, timestamp } = payload;
  if (payload.deleted === true) return { key, json: undefined, value: undefined, timestamp };
  return { key, json: JSON.stringify(payload.value), value: payload.value, timestamp };
}
