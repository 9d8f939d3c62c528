import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { type EphemeralMessage, ephemeralMessage } from './message.ts';

/** What a client of one pod says in passing, on its way to the others. */
export interface PassingMessage {
  /** The pod that it is connected to: random for each start. */
  readonly pod: string;
  /** Whose connection it is. */
  readonly userId: string;
  readonly message: EphemeralMessage;
}

const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const form = z.tuple([z.literal(VERSION), z.string(), z.string(), ephemeralMessage]);

/** CBOR array: version, pod, user, message. */
export function encodePassing({ pod, userId, message }: PassingMessage): Uint8Array {
  return cbor.encode([VERSION, pod, userId, message]);
}

/** Undefined where the bytes are no message of this version: another may be running beside it. */
export function decodePassing(bytes: Uint8Array): PassingMessage | undefined {
  let decoded: unknown;
  try {
    decoded = cbor.decode(bytes);
  } catch {
    return undefined; // no CBOR
  }
  const { data } = form.safeParse(decoded);
  return data && { pod: data[1], userId: data[2], message: data[3] };
}
