import { isDeepStrictEqual } from 'node:util';
import { strategyName, type WorkspaceId } from '@etherply/protocol';
import { MissingPayloadError, StreamUnavailableError } from '../replication/stream.ts';
import type { LogEntry } from '../storage/shard.ts';
import type { HistoryWork } from '../strategy/history.ts';
import { ServerAuthStrategy } from '../strategy/server-auth/server-auth-strategy.ts';
import { Absorption } from './absorption.ts';
import type { Arrival } from './replica/inbox.ts';
import type { Replica } from './replica/replica.ts';
import {
  DELETION_KIND,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  encodeSettings,
  SETTINGS_KIND,
  STATE_KIND,
} from './state/envelope.ts';
import { decodeManifest } from './state/manifest.ts';
import { Slices } from './state/slices.ts';
import {
  decodeStoredState,
  opIdChunksOf,
  recordsOf,
  StoredSource,
  type StoredState,
  stateChunksOf,
} from './state/stored-state.ts';
import { deletion, imported, settingsRecord, type Transition } from './state/transition.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import type { Broadcaster } from './turn/broadcaster.ts';

/** The workspace that messages of other pods are taken into. */
interface Target {
  readonly id: WorkspaceId;
  readonly state: WorkspaceState;
}

interface Edge {
  readonly broadcaster: Broadcaster;
  readonly historyWork: HistoryWork;
  /** Makes durable what was taken in. */
  readonly commit: (absorption: Absorption) => Promise<void>;
  readonly make: (transition: Transition) => Promise<void>;
  /** Something that should not happen. */
  readonly failed: (error: unknown) => void;
}

/** From here on a message may take too long for a turn. */
const LARGE_BYTES = 32 * 1024;
/** So many records go into one step. */
const STEP_RECORDS = 500;

/** Takes what comes in from the stream into a workspace. */
export class Intake {
  readonly #target: Target;
  readonly #replica: Replica;
  readonly #edge: Edge;
  /** What was told of last that is not to be had. */
  #missing = '';

  constructor(target: Target, replica: Replica, edge: Edge) {
    this.#target = target;
    this.#replica = replica;
    this.#edge = edge;
  }

  /** Takes, up to the first that takes longer or changes more than some keys; undefined where that leaves nothing to write. */
  takeOrdinary(): Absorption | undefined {
    const { id, state } = this.#target;
    const replica = this.#replica;
    if (replica.inbox.isEmpty) return undefined; // as a rule: it is asked before each step
    const absorption = new Absorption(id, state, this.#edge.broadcaster);
    for (let arrival = replica.inbox.first; arrival !== undefined; arrival = replica.inbox.first) {
      if (!arrival.isKnown) {
        const content = arrival.message.content();
        if (content instanceof Promise) {
          content.catch(() => undefined); // it is asked for again, and then awaited
          break;
        }
        if (content.length >= LARGE_BYTES || !this.#takeSmall(absorption, content)) break;
        replica.taken(arrival, content.length);
      } else replica.taken(arrival, 0);
    }
    return absorption.records.length > 0 ? absorption : undefined;
  }

  /**
   * Takes all, while nothing else happens to the workspace.
   * @returns the records that came in, where nothing else did
   */
  async takeAll(): Promise<LogEntry[] | undefined> {
    const records: LogEntry[] = [];
    let isOrdinary = true;
    for (;;) {
      const ordinary = this.takeOrdinary();
      if (ordinary !== undefined) {
        await this.#edge.commit(ordinary);
        records.push(...ordinary.records);
      }
      const arrival = this.#replica.inbox.first;
      if (arrival === undefined) return isOrdinary ? records : undefined;
      const taken = await this.#take(arrival, await this.#contentOf(arrival));
      if (taken === undefined) isOrdinary = false;
      else records.push(...taken);
    }
  }

  /** @throws StreamUnavailableError where it is not to be had; then what has come in is read again later */
  async #contentOf({ message }: Arrival): Promise<Uint8Array> {
    try {
      return await message.content();
    } catch (error) {
      if (error instanceof MissingPayloadError && error.message !== this.#missing) {
        this.#missing = error.message;
        this.#edge.failed(error);
      }
      if (error instanceof StreamUnavailableError) this.#replica.giveBack(error);
      throw error;
    }
  }

  /** @returns false where it is of another kind */
  #takeSmall(absorption: Absorption, bytes: Uint8Array): boolean {
    const envelope = decodeEnvelope(bytes);
    const { epoch, strategy, isUnreadable } = this.#target.state;
    if (envelope.epoch < epoch) return true; // of what has been deleted
    if (isUnreadable && envelope.epoch === epoch) return true; // or is to be
    if (envelope.epoch > epoch || envelope.kind !== strategy.name) return false;
    return absorption.takeNow(envelope, bytes);
  }

  /** @returns the records that came in; undefined where it was something else */
  async #take(arrival: Arrival, bytes: Uint8Array): Promise<readonly LogEntry[] | undefined> {
    const { id, state } = this.#target;
    const { make } = this.#edge;
    const envelope = decodeEnvelope(bytes);
    const taken = () => this.#replica.taken(arrival, bytes.length);
    if (envelope.epoch > state.epoch) {
      if (envelope.kind === DELETION_KIND) taken();
      await make(deletion(id, state, envelope.epoch));
    } else if (envelope.epoch < state.epoch || envelope.kind === DELETION_KIND || state.isUnreadable) taken();
    else if (envelope.kind === SETTINGS_KIND) {
      taken();
      await make(settingsRecord(id, state, envelope, bytes));
    } else if (envelope.kind === STATE_KIND) {
      const stored = decodeStoredState(envelope.data);
      await (arrival.isDoubtful ? this.#doubting(stored, bytes, taken) : this.#takeState(stored, bytes, taken));
    } else return this.#takeRecord(envelope, bytes, taken);
    return undefined;
  }

  async #takeRecord(
    envelope: Envelope,
    bytes: Uint8Array,
    taken: () => void,
  ): Promise<readonly LogEntry[] | undefined> {
    const { id, state } = this.#target;
    const { commit, make } = this.#edge;
    if (envelope.kind === state.strategy.name) {
      const absorption = new Absorption(id, state, this.#edge.broadcaster);
      await absorption.take(envelope, bytes);
      taken();
      await commit(absorption);
      return absorption.records;
    }
    if (state.isEmpty) {
      // The pod that it comes from has another default.
      const adopt = () => {
        state.adopt(strategyName.parse(envelope.kind));
        return state;
      };
      await make({ writes: [], position: state.position, apply: adopt });
    } else {
      taken();
      this.#edge.failed(new Error(`a record of ${envelope.kind} came to a workspace of ${state.strategy.name}`));
    }
    return undefined;
  }

  /** As `#takeState`, of one that may lack what is here: then that goes into the stream again. */
  async #doubting(stored: StoredState, bytes: Uint8Array, taken: () => void): Promise<void> {
    const wasLost = this.#replica.isLost;
    this.#replica.lose(); // first, so that it says so on disk, too, until it is known
    await this.#takeState(stored, bytes, taken);
    if (!wasLost && (await this.#isAllOf(stored))) this.#replica.found();
  }

  /** Whether nothing is here that is not in it. */
  async #isAllOf(stored: StoredState): Promise<boolean> {
    const { strategy } = await this.#alone(stored);
    return isDeepStrictEqual(strategy.heads().toSorted(), this.#target.state.strategy.heads().toSorted());
  }

  /** What it amounts to without what is here. */
  async #alone(stored: StoredState): Promise<WorkspaceState> {
    const alone = this.#target.state.empty();
    await alone.read(this.#target.id, new StoredSource(stored));
    return alone;
  }

  async #takeState(stored: StoredState, bytes: Uint8Array, taken: () => void): Promise<void> {
    const { id, state } = this.#target;
    const next = await this.#replacement(stored);
    if (next === undefined) return this.#fold(stored, bytes, taken);
    taken();
    await this.#edge.make(imported(id, state, stored, next));
  }

  /**
   * What it amounts to, where that is taken as it is: because nothing is here; or it goes beyond what is here and the order counts,
   * in which records may have come here that follow others of it.
   */
  async #replacement(stored: StoredState): Promise<WorkspaceState | undefined> {
    const { state } = this.#target;
    const { strategy, settingsTime, isUntouched } = state;
    const isOrdered = strategy instanceof ServerAuthStrategy;
    if (!this.#replica.outbox.isEmpty || !(isUntouched || isOrdered)) return undefined;
    const next = await this.#alone(stored);
    const goesBeyond = isOrdered && next.strategy instanceof ServerAuthStrategy && next.strategy.goesBeyond(strategy);
    return (isUntouched || goesBeyond) && settingsTime <= next.settingsTime ? next : undefined;
  }

  /** Takes in what is not here yet of what is stored elsewhere. */
  async #fold(stored: StoredState, bytes: Uint8Array, taken: () => void): Promise<void> {
    const { id } = this.#target;
    const { commit, make } = this.#edge;
    const manifest = stored.manifest === undefined ? undefined : decodeManifest(stored.manifest);
    if (
      manifest !== undefined &&
      manifest.settings !== null &&
      manifest.settingsTime > this.#target.state.settingsTime
    ) {
      const { settings, settingsTime: time } = manifest;
      const envelope = { kind: SETTINGS_KIND, epoch: manifest.epoch, time, data: encodeSettings(settings), ops: [] };
      await make(settingsRecord(id, this.#target.state, envelope, encodeEnvelope(envelope)));
    }
    for (const chunk of opIdChunksOf(stored)) this.#target.state.memory.merge(chunk);
    let absorption = new Absorption(id, this.#target.state, this.#edge.broadcaster);
    if (manifest !== undefined && manifest.historyBase.length > 0) {
      // Not all of its records are there any more.
      absorption.takeState(stateChunksOf(stored), bytes);
    }
    const slices = new Slices();
    for await (const record of recordsOf(id, stored, this.#edge.historyWork)) {
      await slices.next(); // those that are in already leave nothing to wait for
      const { state } = this.#target;
      const envelope = decodeEnvelope(record);
      if (envelope.kind === SETTINGS_KIND && envelope.time > state.settingsTime) {
        await commit(absorption);
        await make(settingsRecord(id, state, envelope, record));
        absorption = new Absorption(id, state, this.#edge.broadcaster);
      } else if (
        envelope.kind === state.strategy.name &&
        !(record.length < LARGE_BYTES && absorption.takeNow(envelope, record))
      ) {
        await commit(absorption);
        absorption = new Absorption(id, state, this.#edge.broadcaster);
        await absorption.take(envelope, record);
      }
      if (absorption.records.length < STEP_RECORDS) continue;
      await commit(absorption);
      absorption = new Absorption(id, state, this.#edge.broadcaster);
    }
    taken();
    await commit(absorption);
  }
}
