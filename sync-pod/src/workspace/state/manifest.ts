import { type StrategyName, strategyName, type WorkspaceSettings, workspaceSettings } from '@etherply/protocol';
import { Encoder } from 'cbor-x';
import { z } from 'zod';

/** A piece range and how many bytes are in it. */
export interface Pieces {
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
}

/** What a snapshot of a workspace consists of. */
export interface Manifest {
  /** The strategy that made it. */
  readonly kind: StrategyName;
  readonly epoch: number;
  /** Null where nobody has set any. */
  readonly settings: WorkspaceSettings | null;
  /** When they were set, in Unix milliseconds; 0 where nobody has. */
  readonly settingsTime: number;
  /** The last record that is in it. */
  readonly position: number;
  /** Chunks with the ids of recent ops. */
  readonly opIds: Pieces;
  /** Chunks with the state. */
  readonly state: Pieces;
  /** The heads at which history begins, where what was before has been dropped. */
  readonly historyBase: readonly string[];
  /** Pieces of history that have been packed together, and the ones after them, as they were written. */
  readonly packed: Pieces;
  readonly unpacked: Pieces;
}

export const NO_PIECES: Pieces = { first: 0, end: 0, bytes: 0 };

const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const count = z.int().min(0);
const pieces = z.object({ first: count, end: count, bytes: count });
const manifest = z.object({
  version: z.literal(VERSION),
  kind: strategyName,
  epoch: z.int(),
  // Manifests from before there were settings have none of these.
  settings: workspaceSettings.nullable().default(null),
  settingsTime: z.int().default(0),
  historyBase: z.array(z.string()).default([]),
  position: z.int(),
  opIds: pieces,
  state: pieces,
  packed: pieces,
  unpacked: pieces,
});

export function encodeManifest(content: Manifest): Uint8Array {
  return cbor.encode({ version: VERSION, ...content });
}

/** @throws where the bytes are no manifest of a known version */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return manifest.parse(cbor.decode(bytes));
}
