import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import type { Committer } from '../../storage/commit-loop.ts';
import type { Write } from '../../storage/shard.ts';
import type { HistoryWork } from '../../strategy/history.ts';
import { decodeEnvelope, isOfStrategy } from './envelope.ts';
import { decodeManifest, encodeManifest, type Manifest, NO_PIECES, type Pieces } from './manifest.ts';
import { Slices } from './slices.ts';
import type { Source } from './source.ts';
import type { WorkspaceState } from './workspace-state.ts';

const HISTORY_PIECE_BYTES = 256 * 1024;
/** Below this much, history is left as it was written. */
const PACK_FROM_BYTES = 1 << 20;
/** Packed, history takes about an eighth: so each record is packed again about as often as history has doubled. */
const PACK_RATIO = 8;
/** Short: nobody waits for a compaction, and ops of the workspace go on meanwhile. */
const SLICE_MS = 1;

/** What a compaction works with. */
interface CompactionEdge {
  readonly source: Source;
  readonly pack: HistoryWork['pack'];
  /** Does this when all that is in memory of the workspace is durable. */
  readonly between: <T>(work: () => T) => Promise<T>;
  /** Asks for a turn of the commit loop. */
  readonly schedule: (committer: Committer) => void;
  /** Resolves when no other pod lacks a record up to this position. @throws CompactionFailed where that takes too long */
  readonly whenPublished: (position: number) => Promise<void>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

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
  readonly #state: WorkspaceState;
  readonly #edge: CompactionEdge;
  readonly #slices = new Slices(SLICE_MS);
  #write: Write | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(workspace: WorkspaceId, state: WorkspaceState, edge: CompactionEdge) {
    this.#workspace = workspace;
    this.#state = state;
    this.#edge = edge;
  }

  /** @throws CompactionFailed, NotCommittedError, or what reading from the source throws */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      // What it was reading is being deleted: no wonder that it was not there.
      if (this.#state.isEnding) throw new CompactionFailed(`${this.#workspace} is being deleted`);
      throw error;
    }
  }

  async #run(): Promise<void> {
    const state = this.#state;
    // A snapshot of what is not in the log yet would say that it is in: after a crash it would not come again, and history lack it.
    const taken = await this.#edge.between(() => this.#takeSnapshot());
    const { position, strategy, tailWeight, settings, settingsTime, epoch, heads, opIdChunks, stateChunks } = taken;
    const chunk = (index: number, bytes: Uint8Array): Write => {
      return { kind: 'chunk', workspace: this.#workspace, position, index, bytes };
    };
    const opIds = await this.#writePieces(opIdChunks, 0, chunk);
    const ofState = await this.#writePieces(stateChunks, opIds.end, chunk);
    const history = await this.#writeHistory(settings, heads, position);
    const manifest = {
      kind: strategy.name,
      epoch,
      settings,
      settingsTime,
      position,
      opIds,
      state: ofState,
      ...history,
    };
    // What the stream does not have yet would be in no log any more.
    await this.#edge.whenPublished(position);
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

  /** What there is at this moment, though its chunks are made later. */
  #takeSnapshot() {
    const { position, strategy, tailWeight, settings, settingsTime, epoch, memory } = this.#state;
    const about = { position, strategy, tailWeight, settings, settingsTime, epoch, heads: strategy.heads() };
    return { ...about, opIdChunks: memory.snapshot(), stateChunks: strategy.snapshot(this.#edge.now()) };
  }

  takeTurn(): readonly Write[] | undefined {
    // Who deletes the workspace in the meantime must not find it back.
    if (this.#state.isEnding) this.#write = undefined;
    return this.#write && [this.#write];
  }

  turnCommitted(): void {
    if (this.#state.isEnding) {
      this.turnFailed();
      return;
    }
    this.#write = undefined;
    this.#settle?.resolve();
  }

  turnBroken(): void {
    this.turnFailed();
  }

  turnFailed(): void {
    this.#write = undefined;
    this.#settle?.reject(new CompactionFailed(`${this.#workspace} could not be compacted`));
  }

  /** Adds the records up to `position` to the history, which is packed where that has become worth it, or dropped. */
  async #writeHistory(
    { strategy, retention }: WorkspaceSettings,
    heads: readonly string[],
    position: number,
  ): Promise<Pick<Manifest, 'historyBase' | 'packed' | 'unpacked'>> {
    const { source, pack } = this.#edge;
    const bytes = await source.manifest(this.#workspace);
    const current = bytes === undefined ? undefined : decodeManifest(bytes);
    const { packed, unpacked, historyBase } = current ?? { packed: NO_PIECES, unpacked: NO_PIECES, historyBase: [] };
    if (retention?.history === 'drop') {
      const nothing = { first: unpacked.end, end: unpacked.end, bytes: 0 };
      return { historyBase: heads, packed: nothing, unpacked: nothing };
    }
    const added = await this.#recordData(current?.position ?? 0, position);
    const piece = (index: number, content: Uint8Array): Write => {
      return { kind: 'archive', workspace: this.#workspace, index, bytes: content };
    };
    if (unpacked.bytes + added.length < Math.max(PACK_FROM_BYTES, packed.bytes * PACK_RATIO)) {
      const { end, bytes: more } = await this.#writePieces(cut(added), unpacked.end, piece);
      return { historyBase, packed, unpacked: { first: unpacked.first, end, bytes: unpacked.bytes + more } };
    }
    const rest = Buffer.concat([await this.#read(unpacked), added]);
    const repacked = await pack(strategy, { base: historyBase, packed: await this.#read(packed), rest });
    const written = await this.#writePieces(cut(repacked), unpacked.end, piece);
    return { historyBase, packed: written, unpacked: { first: written.end, end: written.end, bytes: 0 } };
  }

  /** The data of the records after `from` up to `to`, concatenated. */
  async #recordData(from: number, to: number): Promise<Buffer> {
    const data: Uint8Array[] = [];
    for await (const entry of this.#edge.source.records(this.#workspace, from)) {
      if (entry.position > to) break;
      const envelope = decodeEnvelope(entry.envelope);
      if (isOfStrategy(envelope)) data.push(envelope.data);
      await this.#slices.next();
    }
    return Buffer.concat(data);
  }

  async #read({ first, end }: Pieces): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#edge.source.archive(this.#workspace, first, end)) pieces.push(piece);
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
    this.#edge.schedule(this);
    return committed;
  }
}

function* cut(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += HISTORY_PIECE_BYTES) yield bytes.subarray(at, at + HISTORY_PIECE_BYTES);
}
