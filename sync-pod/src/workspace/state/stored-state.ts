import { promisify } from 'node:util';
import { constants, gunzipSync, gzip } from 'node:zlib';
import type { WorkspaceId } from '@etherply/protocol';
import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { LogEntry, Write } from '../../storage/shard.ts';
import type { HistoryWork } from '../../strategy/history.ts';
import { encodeEnvelope } from './envelope.ts';
import { decodeManifest } from './manifest.ts';
import type { Source } from './source.ts';
import { readHistory } from './stored-history.ts';
import { SYSTEM_USER } from './system-user.ts';

/** All that is stored of a workspace, on its way to another pod or from there. */
export interface StoredState {
  /** Undefined where there is no snapshot. */
  readonly manifest: Uint8Array | undefined;
  /** The pieces that the manifest names, in order. */
  readonly chunks: readonly Uint8Array[];
  readonly archive: readonly Uint8Array[];
  /** The envelopes of the records after the snapshot. */
  readonly records: readonly Uint8Array[];
}

const compress = promisify(gzip);
const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const bytes = z.instanceof(Uint8Array);
const form = z.tuple([z.literal(VERSION), bytes.nullable(), z.array(bytes), z.array(bytes), z.array(bytes)]);

/** CBOR array, compressed with gzip: version, manifest or null, chunks, archive, records. */
export function encodeStoredState({ manifest, chunks, archive, records }: StoredState): Promise<Uint8Array> {
  return compress(cbor.encode([VERSION, manifest ?? null, chunks, archive, records]), {
    level: constants.Z_BEST_SPEED,
  });
}

/** @throws where the bytes are no stored state of a known version */
export function decodeStoredState(encoded: Uint8Array): StoredState {
  const [, manifest, chunks, archive, records] = form.parse(cbor.decode(gunzipSync(encoded)));
  return { manifest: manifest ?? undefined, chunks, archive, records };
}

/** The chunks of a strategy's snapshot that are in it. */
export function stateChunksOf({ manifest, chunks }: StoredState): readonly Uint8Array[] {
  if (manifest === undefined) return [];
  const { opIds, state } = decodeManifest(manifest);
  return chunks.slice(state.first - opIds.first, state.end - opIds.first);
}

/** The chunks with the ids of recent ops that are in it. */
export function opIdChunksOf({ manifest, chunks }: StoredState): readonly Uint8Array[] {
  if (manifest === undefined) return [];
  const { opIds } = decodeManifest(manifest);
  return chunks.slice(0, opIds.end - opIds.first);
}

/** The envelopes of all its records, oldest first; of those that have been compacted nobody knows the users and ids any more. */
export async function* recordsOf(
  workspace: WorkspaceId,
  stored: StoredState,
  work: Pick<HistoryWork, 'records'>,
): AsyncGenerator<Uint8Array> {
  const compacted = await readHistory(workspace, new StoredSource({ ...stored, records: [] }));
  if (compacted !== undefined && stored.manifest !== undefined) {
    const { kind, epoch } = decodeManifest(stored.manifest);
    for (const { data, timestamps, user } of await work.records(compacted.strategy, compacted.history)) {
      const unknown = { user: user ?? SYSTEM_USER, id: null, fingerprint: 0, timestamp: null };
      const ops = user === undefined ? timestamps.map((timestamp) => ({ ...unknown, timestamp })) : [unknown];
      yield encodeEnvelope({ kind, epoch, time: 0, data, ops });
    }
  }
  yield* stored.records;
}

/** Reads all that is stored of a workspace. Nothing may be removed of it meanwhile. */
export async function readStoredState(workspace: WorkspaceId, source: Source): Promise<StoredState> {
  const manifest = await source.manifest(workspace);
  const [chunks, archive, records]: Uint8Array[][] = [[], [], []];
  let position = 0;
  if (manifest !== undefined) {
    const { opIds, state, packed, unpacked, ...about } = decodeManifest(manifest);
    position = about.position;
    for await (const piece of source.chunks(workspace, position, opIds.first, state.end)) chunks?.push(piece);
    for await (const piece of source.archive(workspace, packed.first, unpacked.end)) archive?.push(piece);
  }
  for await (const { envelope } of source.records(workspace, position)) records?.push(envelope);
  return { manifest, chunks: chunks ?? [], archive: archive ?? [], records: records ?? [] };
}

/** What stores it where nothing is stored. */
export function writesOf(workspace: WorkspaceId, { manifest, chunks, archive, records }: StoredState): Write[] {
  const writes: Write[] = [];
  let position = 0;
  if (manifest !== undefined) {
    const { opIds, packed, ...about } = decodeManifest(manifest);
    position = about.position;
    for (const [i, piece] of chunks.entries()) {
      writes.push({ kind: 'chunk', workspace, position, index: opIds.first + i, bytes: piece });
    }
    for (const [i, piece] of archive.entries()) {
      writes.push({ kind: 'archive', workspace, index: packed.first + i, bytes: piece });
    }
    writes.push({ kind: 'manifest', workspace, position, archiveFrom: packed.first, bytes: manifest });
  }
  for (const [i, envelope] of records.entries()) {
    writes.push({ kind: 'record', workspace, position: position + 1 + i, envelope });
  }
  return writes;
}

/** Reads from a stored state as from a shard. */
export class StoredSource implements Source {
  readonly #stored: StoredState;

  constructor(stored: StoredState) {
    this.#stored = stored;
  }

  async manifest(): Promise<Uint8Array | undefined> {
    return this.#stored.manifest;
  }

  async *chunks(_workspace: WorkspaceId, _position: number, first: number, end: number): AsyncIterable<Uint8Array> {
    const { manifest, chunks } = this.#stored;
    if (manifest === undefined) return;
    const start = decodeManifest(manifest).opIds.first;
    yield* chunks.slice(first - start, end - start);
  }

  async *archive(_workspace: WorkspaceId, first: number, end: number): AsyncIterable<Uint8Array> {
    const { manifest, archive } = this.#stored;
    if (manifest === undefined) return;
    const start = decodeManifest(manifest).packed.first;
    yield* archive.slice(first - start, end - start);
  }

  async *records(workspace: WorkspaceId, position: number): AsyncIterable<LogEntry> {
    for (const [i, envelope] of this.#stored.records.entries()) {
      yield { workspace, position: position + 1 + i, envelope };
    }
  }
}
