import type { WorkspaceId } from '@etherply/protocol';
import type { Committer } from '../storage/commit-loop.ts';
import type { Write } from '../storage/shard.ts';
import { decodeEnvelope } from './envelope.ts';
import { decodeManifest, encodeManifest, NO_PIECES, type Pieces } from './manifest.ts';
import { Slices } from './slices.ts';
import type { Source, WorkspaceState } from './workspace-state.ts';

const HISTORY_PIECE_BYTES = 256 * 1024;
/** Below this much, history is left as it was written. */
const PACK_FROM_BYTES = 1 << 20;
/** Packed, history takes about an eighth: so each record is packed again about as often as history has doubled. */
const PACK_RATIO = 8;

/** Writing the next part of a snapshot failed; the shard has said why. */
export class CompactionFailed extends Error {
  override readonly name = 'CompactionFailed';
}

/**
 * Replaces the log of a workspace by a snapshot, while the workspace goes on: its parts go along with commits, one in each,
 * and take effect with the manifest. A crash before that leaves the log as it was.
 */
export class Compaction implements Committer {
  readonly #workspace: WorkspaceId;
  readonly #epoch: number;
  readonly #source: Source;
  readonly #schedule: (committer: Committer) => void;
  readonly #slices = new Slices();
  #write: Write | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(workspace: WorkspaceId, epoch: number, source: Source, schedule: (committer: Committer) => void) {
    this.#workspace = workspace;
    this.#epoch = epoch;
    this.#source = source;
    this.#schedule = schedule;
  }

  /** @throws CompactionFailed, or what reading from the source throws */
  async run(state: WorkspaceState): Promise<void> {
    const { position, strategy, tailWeight } = state;
    // Both are of this moment, though their chunks are made later.
    const [opIdChunks, stateChunks] = [state.memory.snapshot(), strategy.snapshot()];
    const chunk = (index: number, bytes: Uint8Array): Write => {
      return { kind: 'chunk', workspace: this.#workspace, position, index, bytes };
    };
    const opIds = await this.#writePieces(opIdChunks, 0, chunk);
    const ofState = await this.#writePieces(stateChunks, opIds.end, chunk);
    const history = await this.#writeHistory(state, position);
    const manifest = { kind: strategy.name, epoch: this.#epoch, position, opIds, state: ofState, ...history };
    await this.#commit({
      kind: 'manifest',
      workspace: this.#workspace,
      position,
      archiveFrom: history.packed.first,
      bytes: encodeManifest(manifest),
    });
    state.snapshot = manifest;
    state.tailWeight -= tailWeight;
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

  /** Adds the records up to `position` to the history, which is packed where that has become worth it. */
  async #writeHistory({ strategy }: WorkspaceState, position: number): Promise<{ packed: Pieces; unpacked: Pieces }> {
    const bytes = await this.#source.manifest(this.#workspace);
    const current = bytes === undefined ? undefined : decodeManifest(bytes);
    const { packed, unpacked } = current ?? { packed: NO_PIECES, unpacked: NO_PIECES };
    const added = await this.#recordData(current?.position ?? 0, position);
    const piece = (index: number, content: Uint8Array): Write => {
      return { kind: 'archive', workspace: this.#workspace, index, bytes: content };
    };
    if (unpacked.bytes + added.length < Math.max(PACK_FROM_BYTES, packed.bytes * PACK_RATIO)) {
      const { end, bytes: more } = await this.#writePieces(cut(added), unpacked.end, piece);
      return { packed, unpacked: { first: unpacked.first, end, bytes: unpacked.bytes + more } };
    }
    const rest = Buffer.concat([await this.#read(unpacked), added]);
    const repacked = await strategy.pack(await this.#read(packed), rest);
    const written = await this.#writePieces(cut(repacked), unpacked.end, piece);
    return { packed: written, unpacked: { first: written.end, end: written.end, bytes: 0 } };
  }

  /** The data of the records after `from` up to `to`, concatenated. */
  async #recordData(from: number, to: number): Promise<Buffer> {
    const data: Uint8Array[] = [];
    for await (const entry of this.#source.records(this.#workspace, from)) {
      if (entry.position > to) break;
      data.push(decodeEnvelope(entry.envelope).data);
      await this.#slices.next();
    }
    return Buffer.concat(data);
  }

  async #read({ first, end }: Pieces): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#source.archive(this.#workspace, first, end)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async #writePieces(
    pieces: Iterable<Uint8Array>,
    first: number,
    writeOf: (index: number, bytes: Uint8Array) => Write,
  ): Promise<Pieces> {
    let [end, bytes] = [first, 0];
    for (const piece of pieces) {
      await this.#slices.next();
      await this.#commit(writeOf(end, piece));
      end += 1;
      bytes += piece.length;
    }
    return { first, end, bytes };
  }

  #commit(write: Write): Promise<void> {
    this.#write = write;
    const committed = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#schedule(this);
    return committed;
  }
}

function* cut(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += HISTORY_PIECE_BYTES) yield bytes.subarray(at, at + HISTORY_PIECE_BYTES);
}
