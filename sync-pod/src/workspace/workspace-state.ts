import { type StrategyName, strategyName, type WorkspaceId, type WorkspaceSettings } from '@etherply/protocol';
import type { LogEntry } from '../storage/shard.ts';
import type { Strategy } from '../strategy/strategy.ts';
import { decodeEnvelope, decodeSettings, type Envelope, SETTINGS_KIND } from './envelope.ts';
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

/** Where the state of a workspace starts from. */
export interface StateOptions {
  /** Makes an empty one. */
  readonly createStrategy: (name: StrategyName, epoch: number) => Strategy;
  /** Of workspaces for which none has been set. */
  readonly defaultStrategy: StrategyName;
  readonly opIdMemoryMs: number;
}

/** What is stored of a workspace amounts to: its snapshot and the records after it. */
export class WorkspaceState {
  readonly #options: StateOptions;
  /** Rises when the workspace is deleted. */
  epoch = 1;
  settings: WorkspaceSettings;
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

  createStrategy(name: StrategyName): Strategy {
    return this.#options.createStrategy(name, this.epoch);
  }

  /** What is left after a deletion. */
  successor(): WorkspaceState {
    const next = new WorkspaceState(this.#options);
    next.#setEpoch(this.epoch + 1);
    next.position = this.position + 1;
    return next;
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
      if (settings !== null) this.#configure(settings);
      else if (state.end > state.first) this.#use(kind);
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
      if (envelope.kind === SETTINGS_KIND) this.#configure(decodeSettings(envelope.data));
      else await this.#receive(envelope, entry.position);
      for (const { user, id, fingerprint } of envelope.ops) {
        if (id !== null) this.memory.remember(user, id, fingerprint, envelope.time);
      }
      this.advanced(entry);
      await slices.next();
    }
    this.strategy.configure(this.settings);
  }

  /** The record is part of what is stored. */
  advanced({ position, envelope }: LogEntry): void {
    this.position = position;
    this.tailWeight += envelope.length + RECORD_WEIGHT;
  }

  #receive({ kind, data, ops }: Envelope, position: number): void | Promise<void> {
    // The default may have been another one when this was written.
    if (kind !== this.strategy.name && this.isEmpty) this.#use(strategyName.parse(kind));
    if (kind !== this.strategy.name) throw new Error(`a record of ${kind} in a workspace of ${this.strategy.name}`);
    return this.strategy.receive({ data, timestamps: ops.flatMap(({ timestamp }) => timestamp ?? []) }, position);
  }

  /** The strategy is configured with them when everything is read: only the last ones count. */
  #configure(settings: WorkspaceSettings): void {
    this.#use(settings.strategy);
    this.settings = settings;
  }

  #setEpoch(epoch: number): void {
    this.epoch = epoch;
    this.strategy = this.createStrategy(this.strategy.name);
  }

  #use(strategy: StrategyName): void {
    if (strategy !== this.strategy.name) this.strategy = this.createStrategy(strategy);
    this.settings = { ...this.settings, strategy };
  }
}
