import { type WorkspaceSettings, workspaceSettings } from '@etherply/protocol';
import { Encoder } from 'cbor-x';
import { z } from 'zod';

/** An op of a record: who sent it, under which id, and when; `timestamp` null where it had no effect. */
export interface EnvelopeOp {
  readonly user: string;
  readonly id: string | null;
  /** Tells a resend from another op under the same id. */
  readonly fingerprint: number;
  /** Unix microseconds. */
  readonly timestamp: number | null;
}

/** What storage and replication carry: a record with what is needed to recognise and attribute its ops. */
export interface Envelope {
  /** Name of the strategy that made the data and alone can read it, or one of the kinds below. */
  readonly kind: string;
  /** Rises when the workspace is deleted. */
  readonly epoch: number;
  /** Unix milliseconds. */
  readonly time: number;
  readonly data: Uint8Array;
  readonly ops: readonly EnvelopeOp[];
}

const VERSION = 2;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const wireForm = z.tuple([
  z.literal(VERSION),
  z.string(),
  z.int(),
  z.int(),
  z.instanceof(Uint8Array),
  z.array(z.string()),
  z.array(z.tuple([z.int(), z.string().nullable(), z.int(), z.number().nullable()])),
]);

/** CBOR array: version, kind, epoch, time, data, users, ops as [index of the user, id, fingerprint, timestamp]. */
export function encodeEnvelope({ kind, epoch, time, data, ops }: Envelope): Uint8Array {
  const users = new Map<string, number>();
  const rows = ops.map(({ user, id, fingerprint, timestamp }) => {
    let index = users.get(user);
    if (index === undefined) {
      index = users.size;
      users.set(user, index);
    }
    return [index, id, fingerprint, timestamp];
  });
  return cbor.encode([VERSION, kind, epoch, time, data, [...users.keys()], rows]);
}

/** @throws where the bytes are no envelope of a known version */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const [, kind, epoch, time, data, users, rows] = wireForm.parse(cbor.decode(bytes));
  const ops = rows.map(([index, id, fingerprint, timestamp]) => {
    const user = users[index];
    if (user === undefined) throw new Error('an op of an envelope names no user');
    return { user, id, fingerprint, timestamp };
  });
  return { kind, epoch, time, data, ops };
}

/** By whose connection a record came as a whole, as changes of a client's own document do; undefined for one of ops. */
export function userOf({ ops, data }: Envelope): string | undefined {
  return data.length > 0 && ops.every(({ timestamp }) => timestamp === null) ? ops[0]?.user : undefined;
}

/** The kind of an envelope that holds settings. */
export const SETTINGS_KIND = 'settings';
/** The kind of one that says that the workspace was deleted: its epoch is the one after. */
export const DELETION_KIND = 'deletion';
/** The kind of one that holds all that is stored of a workspace. */
export const STATE_KIND = 'state';

/** Whether it holds a record of a strategy. */
export function isOfStrategy({ kind }: Envelope): boolean {
  return kind !== SETTINGS_KIND && kind !== DELETION_KIND && kind !== STATE_KIND;
}

/** The data of an envelope with settings: JSON. */
export function encodeSettings(settings: WorkspaceSettings): Uint8Array {
  return Buffer.from(JSON.stringify(settings));
}

/** @throws where the data is not what {@link encodeSettings} gave */
export function decodeSettings(data: Uint8Array): WorkspaceSettings {
  return workspaceSettings.parse(JSON.parse(Buffer.from(data).toString()));
}
