import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { GossipMessage } from './heads-gossip.ts';
import { type EphemeralMessage, ephemeralMessage } from './message.ts';
import { encodeNewHeads, newHeads } from './new-heads.ts';

/** What one pod says to the others, of a document. */
export type PassingMessage =
  /** What a client says in passing, and whose connection it is. */
  | { readonly kind: 'said'; readonly userId: string; readonly message: EphemeralMessage }
  | { readonly kind: 'heads'; readonly message: GossipMessage };

interface Decoded {
  /** Who says it: random for each start of a pod. */
  readonly pod: string;
  readonly passing: PassingMessage;
}

const VERSION = 1;
const HEADS_VERSION = 2;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const heads = z.discriminatedUnion('type', [
  z.object({ type: z.literal('wanted') }),
  z.object({ type: z.literal('offered') }),
  z.object({ type: z.literal('told'), heads: newHeads }),
]);
const form = z.union([
  z.tuple([z.literal(VERSION), z.string(), z.string(), ephemeralMessage]),
  z.tuple([z.literal(HEADS_VERSION), z.string(), heads]),
]);

/** CBOR array: version 1, pod, user, message; or version 2, pod, what it says of heads, which pods of before leave aside. */
export function encodePassing(pod: string, passing: PassingMessage): Uint8Array {
  if (passing.kind === 'said') return cbor.encode([VERSION, pod, passing.userId, passing.message]);
  const { message } = passing;
  if (message.type !== 'told') return cbor.encode([HEADS_VERSION, pod, message]);
  return cbor.encode([HEADS_VERSION, pod, { type: 'told', heads: encodeNewHeads(message.heads) }]);
}

/** Undefined where the bytes are no message of these versions: another may be running beside it. */
export function decodePassing(bytes: Uint8Array): Decoded | undefined {
  let decoded: unknown;
  try {
    decoded = cbor.decode(bytes);
  } catch {
    return undefined; // no CBOR
  }
  const { data } = form.safeParse(decoded);
  if (data === undefined) return undefined;
  if (data[0] === HEADS_VERSION) return { pod: data[1], passing: { kind: 'heads', message: data[2] } };
  return { pod: data[1], passing: { kind: 'said', userId: data[2], message: data[3] } };
}
