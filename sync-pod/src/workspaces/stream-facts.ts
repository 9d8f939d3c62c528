import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { StreamFacts } from '../replication/stream.ts';

/** No stream is like that: nothing goes on from it. */
export const NO_STREAM: StreamFacts = { created: '', lastSequence: 0, losses: [] };

const cbor = new Encoder({ useRecords: false });
/** Earlier versions knew of no losses. */
const form = z.tuple([z.string(), z.int(), z.array(z.string()).default([])]);

/** CBOR array: created, last sequence, losses. */
export function encodeStreamFacts({ created, lastSequence, losses }: StreamFacts): Uint8Array {
  return cbor.encode([created, lastSequence, losses]);
}

/** @throws where the bytes are nothing that {@link encodeStreamFacts} gave */
export function decodeStreamFacts(bytes: Uint8Array): StreamFacts {
  const [created, lastSequence, losses] = form.parse(cbor.decode(bytes));
  return { created, lastSequence, losses };
}

/** Whether everything is in the stream that was in it when it was like `before`: else its end, or all of it, is gone. */
export function goesOn(before: StreamFacts, now: StreamFacts): boolean {
  return now.created === before.created && now.lastSequence >= before.lastSequence;
}

/** Whether a pod has found a loss since it was like `before`. */
export function hasLost(before: StreamFacts, now: StreamFacts): boolean {
  return now.losses.some((loss) => !before.losses.includes(loss));
}
