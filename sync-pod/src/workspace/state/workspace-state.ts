import { type StrategyName, strategyName, type WorkspaceId, type WorkspaceSettings } from '@etherply/protocol';
import type { LogEntry } from '../../storage/shard.ts';
import { AutomergeStrategy } from '../../strategy/automerge/automerge-strategy.ts';
import { isHeavyHistory } from '../../strategy/automerge/history-weight.ts';
import type { HistoryWork, StoredHistory } from '../../strategy/history.ts';
import { type Answered, NEEDS_HISTORY, type Strategy } from '../../strategy/strategy.ts';
import { decodeEnvelope, decodeSettings, type Envelope, SETTINGS_KIND, STATE_KIND, userOf } from './envelope.ts';
import { decodeManifest, type Manifest, NO_PIECES } from './manifest.ts';
import { OpMemory } from './op-memory.ts';
import { Slices } from './slices.ts';
import type { Source } from './source.ts';
import { readHistory } from './stored-history.ts';
import { decodeStoredState, stateChunksOf } from './stored-state.ts';

/** What a record costs when a workspace is opened, in bytes of a snapshot that cost as much. */
const RECORD_WEIGHT = 256;

/** Where the state of a workspace starts from. */
export interface StateOptions {
  /** Makes an empty one. */
  readonly createStrategy: (name: StrategyName, epoch: number) => Strategy;
  /** Of workspaces for which none has been set. */
  readonly defaultStrategy: StrategyName;
  readonly opIdMemoryMs: number;
  /** What is on disk of a workspace. */
  readonly sourceOf: (workspace: WorkspaceId) => Source;
  /** Packs history, off the event loop. */
  readonly pack: HistoryWork['pack'];
}

/** What is stored of a workspace amounts to: its snapshot and the records after it. */
export class WorkspaceState {
  readonly #options: StateOptions;
  /** Rises when the workspace is deleted. */
  epoch = 1;
  settings: WorkspaceSettings;
  /** When they were set, in Unix milliseconds; 0: nobody has set any. */
  settingsTime = 0;
  strategy: Strategy;
  /** Which messages are in the log already. */
  readonly memory: OpMemory;
  /** The position of the last record. */
  position = 0;
  /** The current snapshot, where there is one. */
  snapshot: Manifest | undefined;
  /** How much there is to read after the snapshot, in bytes. */
  tailWeight = 0;
  /** It is being deleted: no snapshot may be made of it any more. */
  isEnding = false;
  /** What is stored cannot be read, and is not in: it is as much as it takes to delete it. */
  isUnreadable = false;

  constructor(options: StateOptions) {
    this.#options = options;
    this.settings = { strategy: options.defaultStrategy };
    this.strategy = this.createStrategy(options.defaultStrategy);
    this.memory = new OpMemory(options.opIdMemoryMs);
  }

  /** Nothing has been written since the workspace is there, or since it was deleted. */
  get isEmpty(): boolean {
    return this.strategy.heads().length === 0;
  }

  /** As {@link isEmpty}, and nothing is there that waits for what came before it. */
  get isUntouched(): boolean {
    const { first, end } = this.snapshot?.state ?? NO_PIECES;
    return this.isEmpty && this.tailWeight === 0 && first === end;
  }

  createStrategy(name: StrategyName): Strategy {
    return this.#options.createStrategy(name, this.epoch);
  }

  /** What is left after a deletion. */
  successor(epoch = this.epoch + 1): WorkspaceState {
    const next = new WorkspaceState(this.#options);
    next.#setEpoch(epoch);
    next.position = this.position + 1;
    return next;
  }

  /** One in which nothing is, made as this one was. */
  empty(): WorkspaceState {
    return new WorkspaceState(this.#options);
  }

  /** Why nothing of it can be served any more; undefined where all is well. */
  get fault(): Error | undefined {
    return this.strategy instanceof AutomergeStrategy ? this.strategy.fault : undefined;
  }

  /** Takes in all that is stored, in slices; the state must be new. */
  async read(workspace: WorkspaceId, source: Source): Promise<void> {
    const slices = new Slices();
    const bytes = await source.manifest(workspace);
    if (bytes !== undefined) {
      this.snapshot = decodeManifest(bytes);
      const { kind, epoch, settings, position, opIds, state } = this.snapshot;
      this.#setEpoch(epoch);
      this.position = position;
      if (settings !== null) this.#configure(settings, this.snapshot.settingsTime);
      else if (state.end > state.first) this.adopt(kind);
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
      if (envelope.kind === SETTINGS_KIND) this.#configure(decodeSettings(envelope.data), envelope.time);
      else if (envelope.kind === STATE_KIND)
        this.strategy.fold(stateChunksOf(decodeStoredState(envelope.data)), entry.position);
      else if ((await this.receive(envelope, entry.position)) === NEEDS_HISTORY) {
        await this.complete(workspace, source);
        await this.receive(envelope, entry.position);
      }
      for (const { user, id, fingerprint } of envelope.ops) {
        if (id !== null) this.memory.remember(user, id, fingerprint, envelope.time);
      }
      this.advanced(entry);
      await slices.next();
    }
    this.strategy.settle(); // nobody is here yet to be told
    this.strategy.configure(this.settings);
  }

  /** Takes in what it takes to delete what cannot be read; the state must be new. */
  async readOutline(workspace: WorkspaceId, source: Source): Promise<void> {
    this.isUnreadable = true;
    const bytes = await source.manifest(workspace);
    if (bytes !== undefined) {
      const { epoch, position } = decodeManifest(bytes);
      this.#setEpoch(epoch);
      this.position = position;
    }
    for await (const { position } of source.records(workspace, this.position)) this.position = position;
  }

  /** The record is part of what is stored. */
  advanced({ position, envelope }: LogEntry): void {
    this.position = position;
    this.tailWeight += envelope.length + RECORD_WEIGHT;
  }

  /** Gives the strategy all that is stored, which must be all that is in, and maybe more. */
  async complete(workspace: WorkspaceId, source = this.#options.sourceOf(workspace)): Promise<void> {
    const stored = await readHistory(workspace, source);
    if (stored === undefined) this.strategy.complete(new Uint8Array(), this.position);
    else this.strategy.complete(await this.#forDocument(stored.strategy, stored.history), stored.position);
  }

  /** The library takes ten times as long for many changes as for a document that is packed. */
  async #forDocument(strategy: StrategyName, history: StoredHistory): Promise<Uint8Array> {
    const { packed, rest } = history;
    return isHeavyHistory(rest) ? this.#options.pack(strategy, history) : Buffer.concat([packed, rest]);
  }

  /** As `Strategy.receive`. */
  receive(envelope: Envelope, position: number): Answered | Promise<Answered> {
    const { kind, data, ops } = envelope;
    // The default may have been another one when this was written.
    if (kind !== this.strategy.name && this.isEmpty) this.adopt(strategyName.parse(kind));
    if (kind !== this.strategy.name) throw new Error(`a record of ${kind} in a workspace of ${this.strategy.name}`);
    const timestamps = ops.flatMap(({ timestamp }) => timestamp ?? []);
    return this.strategy.receive({ data, timestamps, user: userOf(envelope) }, position);
  }

  /** The strategy is configured with them when everything is read: only the last ones count. */
  #configure(settings: WorkspaceSettings, time: number): void {
    this.adopt(settings.strategy);
    this.settings = settings;
    this.settingsTime = time;
  }

  #setEpoch(epoch: number): void {
    this.epoch = epoch;
    this.strategy = this.createStrategy(this.strategy.name);
  }

  /** It has this strategy; nothing may have been written. */
  adopt(strategy: StrategyName): void {
    if (strategy !== this.strategy.name) this.strategy = this.createStrategy(strategy);
    this.settings = { ...this.settings, strategy };
  }
}
