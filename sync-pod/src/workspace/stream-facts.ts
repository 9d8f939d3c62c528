import { Encoder } from 'cbor-x';
import { z } from 'zod';

/** What tells one stream from another, and from what it was before. */
export interface StreamFacts {
  /** When it was made, as the server says it. */
  readonly created: string;
  /** The number of the last message that came into it. */
  readonly lastSequence: number;
}

/** No stream is like that: nothing goes on from it. */
export const NO_STREAM: StreamFacts = { created: '', lastSequence: 0 };

const cbor = new Encoder({ useRecords: false });
const form = z.tuple([z.string(), z.int()]);

/** CBOR array: created, last sequence. */
export function encodeStreamFacts({ created, lastSequence }: StreamFacts): Uint8Array {
  return cbor.encode([created, lastSequence]);
}

/** @throws where the bytes are nothing that {@link encodeStreamFacts} gave */
export function decodeStreamFacts(bytes: Uint8Array): StreamFacts {
  const [created, lastSequence] = form.parse(cbor.decode(bytes));
  return { created, lastSequence };
}

/** Whether everything is in the stream that was in it when it was like `before`: else its end, or all of it, is gone. */
export function goesOn(before: StreamFacts, now: StreamFacts): boolean {
  return now.created === before.created && now.lastSequence >= before.lastSequence;
}
