import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { largeFrame } from './large-frame.ts';
import { encodeNewHeads, newHeads } from './new-heads.ts';
import type { HeadsByStorage } from './remote-heads.ts';

// The messages of automerge-repo's WebSocketClientAdapter: one CBOR map a frame.

/** The only version of the protocol that there is. */
export const PROTOCOL_VERSION = '1';
const MAX_NAME_LENGTH = 256;
/** Of the documents that one message may tell of. */
const MAX_NAMES = 1000;

/** A whole document, as a rule. */
const LARGE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array(0);

const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const name = z.string().min(1).max(MAX_NAME_LENGTH);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const addressed = { senderId: name, targetId: name };
const names = z.array(name).max(MAX_NAMES).optional();

/** What is said in passing, and kept nowhere. */
export const ephemeralMessage = z.object({
  type: z.literal('ephemeral'),
  ...addressed,
  documentId: name,
  sessionId: name,
  count: z.number().min(0),
  data: bytes,
});

const clientMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('join'),
    senderId: name,
    peerMetadata: z
      .object({ storageId: name.optional().catch(undefined) })
      .optional()
      .catch(undefined),
    supportedProtocolVersions: z.array(z.string()).default([PROTOCOL_VERSION]),
  }),
  z.object({ type: z.literal('leave'), senderId: name }),
  z.object({ type: z.enum(['sync', 'request']), ...addressed, documentId: name, data: bytes }),
  z.object({ type: z.literal('doc-unavailable'), ...addressed, documentId: name }),
  ephemeralMessage,
  z.object({ type: z.literal('remote-subscription-change'), ...addressed, add: names, remove: names }),
  z.object({ type: z.literal('remote-heads-changed'), ...addressed, documentId: name, newHeads }),
]);

/** What a client sends. */
export type ClientMessage = z.infer<typeof clientMessage>;
export type EphemeralMessage = z.infer<typeof ephemeralMessage>;

/** What it is sent, but for who sends it to whom. */
export type ServerMessage =
  | { readonly type: 'peer'; readonly peerMetadata: object; readonly selectedProtocolVersion: typeof PROTOCOL_VERSION }
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'sync'; readonly documentId: string; readonly data: Uint8Array }
  | { readonly type: 'doc-unavailable'; readonly documentId: string }
  | { readonly type: 'remote-heads-changed'; readonly documentId: string; readonly newHeads: HeadsByStorage };

/** Undefined where the frame is no message of this protocol. */
export function decodeClientMessage(frame: Uint8Array): ClientMessage | undefined {
  let decoded: unknown;
  try {
    decoded = cbor.decode(frame);
  } catch {
    return undefined;
  }
  return clientMessage.safeParse(decoded).data;
}

/** @returns good until the next call */
export function encodeMessage(
  message: (ServerMessage & { senderId: string; targetId: string }) | EphemeralMessage,
): Uint8Array {
  if (message.type === 'remote-heads-changed') {
    return cbor.encode({ ...message, newHeads: encodeNewHeads(message.newHeads) });
  }
  if (!('data' in message) || message.data.length < LARGE_BYTES) return cbor.encode(message);
  const { data, ...others } = message;
  return largeFrame(cbor.encode({ ...others, data: NOTHING }), data);
}
