import type { WorkspaceId } from '@etherply/protocol';
import type { Committer } from '../storage/commit-loop.ts';
import type { Write } from '../storage/shard.ts';
import { decodeEnvelope } from './envelope.ts';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts';
import { Slices } from './slices.ts';
import type { Source, WorkspaceState } from './workspace-state.ts';

const ARCHIVE_CHUNK_BYTES = 256 * 1024;

/** Writing the next part of the snapshot failed; the shard has said why. */
export class CompactionFailed extends Error {
  override readonly name = 'CompactionFailed';
}

/**
 * Replaces the log of a workspace by a snapshot, while the workspace goes on: its chunks go along with commits, one in each,
 * and take effect with the manifest. A crash before that leaves the log as it was.
 */
export class Compaction implements Committer {
  readonly #workspace: WorkspaceId;
  readonly #epoch: number;
  readonly #schedule: (committer: Committer) => void;
  #write: Write | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(workspace: WorkspaceId, epoch: number, schedule: (committer: Committer) => void) {
    this.#workspace = workspace;
    this.#epoch = epoch;
    this.#schedule = schedule;
  }

  /** @throws CompactionFailed, or what reading from `source` throws */
  async run(state: WorkspaceState, source: Source): Promise<void> {
    const { position, strategy } = state;
    const weight = state.tailWeight;
    // Both are of this moment, though their chunks are made later.
    const [opIds, chunks] = [state.memory.snapshot(), strategy.snapshot()];
    const archive = await this.#archive(state, position, source);
    const written = { bytes: 0, chunks: 0 };
    const slices = new Slices();
    const write = async (parts: Iterable<Uint8Array>): Promise<number> => {
      let count = 0;
      for (const bytes of parts) {
        await slices.next();
        const { chunks: index } = written;
        await this.#commit({ kind: 'chunk', workspace: this.#workspace, position, index, bytes });
        written.chunks += 1;
        written.bytes += bytes.length;
        count += 1;
      }
      return count;
    };
    const manifest: Manifest = {
      kind: strategy.name,
      epoch: this.#epoch,
      position,
      chunks: { opIds: await write(opIds), state: await write(chunks), archive: await write(pieces(archive)) },
      bytes: written.bytes,
    };
    await this.#commit({
      kind: 'manifest',
      workspace: this.#workspace,
      position,
      bytes: encodeManifest(manifest),
    });
    state.snapshot = manifest;
    state.tailWeight -= weight;
  }

  takeTurn(): Write | undefined {
    return this.#write;
  }

  turnCommitted(): void {
    this.#write = undefined;
    this.#settle?.resolve();
  }

  turnFailed(): void {
    this.#write = undefined;
    this.#settle?.reject(new CompactionFailed(`${this.#workspace} could not be compacted`));
  }

  #commit(write: Write): Promise<void> {
    this.#write = write;
    const committed = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#schedule(this);
    return committed;
  }

  /** The archive up to `position`: the one of the current snapshot with the records after it. */
  async #archive({ strategy }: WorkspaceState, position: number, source: Source): Promise<Uint8Array> {
    const slices = new Slices();
    const bytes = await source.manifest(this.#workspace);
    const current = bytes === undefined ? undefined : decodeManifest(bytes);
    const old: Uint8Array[] = [];
    if (current !== undefined) {
      const first = current.chunks.opIds + current.chunks.state;
      const end = first + current.chunks.archive;
      for await (const chunk of source.chunks(this.#workspace, current.position, first, end)) old.push(chunk);
    }
    const data: Uint8Array[] = [];
    for await (const entry of source.records(this.#workspace, current?.position ?? 0)) {
      if (entry.position > position) break;
      data.push(decodeEnvelope(entry.envelope).data);
      await slices.next();
    }
    return strategy.archive(current === undefined ? undefined : Buffer.concat(old), data);
  }
}

function* pieces(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += ARCHIVE_CHUNK_BYTES) yield bytes.subarray(at, at + ARCHIVE_CHUNK_BYTES);
}
