import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { Predecessor } from '../../replication/stream.ts';

/** The last message of an origin that a workspace has taken in, with all before it. */
export interface Mark {
  readonly sequence: number;
  /** What it was published under: after a loss the stream gives the same number to another message. */
  readonly id: string;
}

/** Whether both are the same message of the same stream, or none. */
export function isSame(one: Predecessor | undefined, other: Predecessor | undefined): boolean {
  return one?.sequence === other?.sequence && one?.id === other?.id;
}

/** How far a workspace and the stream know of each other. */
export interface Checkpoint {
  /** For each origin. Empty: the stream is not known to have anything of what is here. */
  readonly marks: ReadonlyMap<string, Mark>;
  /** The stream has every record of the log up to this position. */
  readonly published: number;
  /** Bytes of the messages since the one that stands for all before it. */
  readonly tailBytes: number;
}

export const NO_CHECKPOINT: Checkpoint = { marks: new Map(), published: 0, tailBytes: 0 };

const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const form = z.tuple([z.literal(VERSION), z.int(), z.int(), z.array(z.tuple([z.string(), z.int(), z.string()]))]);

/** CBOR array: version, published, bytes of the tail, marks as [origin, sequence, id]. */
export function encodeCheckpoint({ marks, published, tailBytes }: Checkpoint): Uint8Array {
  const rows = [...marks].map(([origin, { sequence, id }]) => [origin, sequence, id]);
  return cbor.encode([VERSION, published, tailBytes, rows]);
}

/** @throws where the bytes are no checkpoint of a known version */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const [, published, tailBytes, rows] = form.parse(cbor.decode(bytes));
  return { published, tailBytes, marks: new Map(rows.map(([origin, sequence, id]) => [origin, { sequence, id }])) };
}
