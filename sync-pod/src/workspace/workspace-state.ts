import type { WorkspaceId } from '@etherply/protocol';
import type { LogEntry } from '../storage/shard.ts';
import type { Strategy } from '../strategy/strategy.ts';
import { decodeEnvelope } from './envelope.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { OpMemory } from './op-memory.ts';
import { Slices } from './slices.ts';

/** What a record costs when a workspace is opened, in bytes of a snapshot that cost as much. */
const RECORD_WEIGHT = 256;

/** Where a workspace is read from. */
export interface Source {
  manifest(workspace: WorkspaceId): Promise<Uint8Array | undefined>;
  chunks(workspace: WorkspaceId, position: number, first: number, end: number): AsyncIterable<Uint8Array>;
  archive(workspace: WorkspaceId, first: number, end: number): AsyncIterable<Uint8Array>;
  records(workspace: WorkspaceId, position: number): AsyncIterable<LogEntry>;
}

/** What is stored of a workspace amounts to: its snapshot and the records after it. */
export class WorkspaceState {
  readonly strategy: Strategy;
  /** Which messages are in the log already. */
  readonly memory: OpMemory;
  /** The position of the last record. */
  position = 0;
  /** The current snapshot, where there is one. */
  snapshot: Manifest | undefined;
  /** How much there is to read after the snapshot, in bytes. */
  tailWeight = 0;

  constructor(strategy: Strategy, opIdMemoryMs: number) {
    this.strategy = strategy;
    this.memory = new OpMemory(opIdMemoryMs);
  }

  /** Takes in all that is stored, in slices; the state must be new. */
  async read(workspace: WorkspaceId, source: Source): Promise<void> {
    const slices = new Slices();
    const bytes = await source.manifest(workspace);
    if (bytes !== undefined) {
      this.snapshot = decodeManifest(bytes);
      const { position, opIds, state } = this.snapshot;
      this.position = position;
      for await (const chunk of source.chunks(workspace, position, opIds.first, opIds.end)) {
        this.memory.restore(chunk);
        await slices.next();
      }
      for await (const chunk of source.chunks(workspace, position, state.first, state.end)) {
        this.strategy.restore(chunk);
        await slices.next();
      }
    }
    for await (const entry of source.records(workspace, this.position)) {
      const envelope = decodeEnvelope(entry.envelope);
      const timestamps = envelope.ops.flatMap(({ timestamp }) => timestamp ?? []);
      const heavy = this.strategy.receive({ data: envelope.data, timestamps }, entry.position);
      if (heavy !== undefined) await heavy;
      for (const { user, id, fingerprint } of envelope.ops) {
        if (id !== null) this.memory.remember(user, id, fingerprint, envelope.time);
      }
      this.advanced(entry);
      await slices.next();
    }
  }

  /** The record is part of what is stored. */
  advanced({ position, envelope }: LogEntry): void {
    this.position = position;
    this.tailWeight += envelope.length + RECORD_WEIGHT;
  }
}
