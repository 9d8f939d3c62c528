import { MissingPayloadError, StreamUnavailableError } from '../replication/stream.ts';
import { PATIENCE_MS, type ReplicatedCore } from './core.ts';
import { encodeEnvelope, STATE_KIND } from './state/envelope.ts';
import type { Source } from './state/source.ts';
import { encodeStoredState, readStoredState, type StoredState } from './state/stored-state.ts';

/** So often others may be first before a state is given up. */
const ROLLUP_TRIES = 8;
/** So often it is all read again for a state that must have its place among what others write. */
const WHOLE_TRIES = 4;

/**
 * Keeps what the stream has of a workspace short, and whole; nothing else happens to it meanwhile. `source`: what is on disk;
 * nothing is removed from that meanwhile.
 */
export class Upkeep {
  readonly #core: ReplicatedCore;
  readonly #startOver: () => Promise<void>;

  /** @param startOver forgets what is here, and takes what the stream has; from then on state, replica and intake are others */
  constructor(core: ReplicatedCore, startOver: () => Promise<void>) {
    this.#core = core;
    this.#startOver = startOver;
  }

  /** As `Workspace.rollUp`. */
  async rollUp(source: Source): Promise<void> {
    await this.#core.intake.takeAll();
    if (this.#core.isRollupDue && (await this.#isPublished())) await this.#publishWhole(source);
  }

  /** As `Workspace.recover`. */
  async recover(source: Source): Promise<void> {
    const { replica, intake } = this.#core;
    await replica.inbox.catchUp();
    await intake.takeAll();
    if (!replica.isLost) return;
    if (this.#core.state.position > 0) await this.#publishAll(source);
    // What the stream has gives the order, where it has everything.
    if (this.#core.isLinearised && !replica.streamForgets) await this.#startOver();
    this.#core.replica.recovered();
    await this.#commitCheckpoint();
  }

  /** As `Workspace.publishCopy`. */
  async publishCopy(source: Source): Promise<void> {
    await this.#core.intake.takeAll();
    if (this.#core.state.position === 0) return;
    if (!(await this.#isPublished())) throw new StreamUnavailableError(`${this.#core.id} could not be copied`);
    if (!(await this.#publishWhole(source))) await this.#publishAll(source);
  }

  /** As `Workspace.forgetStream`. */
  async forgetStream(): Promise<void> {
    const { replica, intake } = this.#core;
    // What could not be had is forgotten, too.
    await intake.takeAll().catch((error: unknown) => {
      if (!(error instanceof MissingPayloadError)) throw error;
    });
    await replica.forget();
    if (this.#core.state.position > 0) replica.lose();
    await this.#commitCheckpoint();
  }

  #isPublished(): Promise<boolean> {
    const { replica, state } = this.#core;
    return replica.outbox.whenPublished(state.position, PATIENCE_MS);
  }

  #commitCheckpoint(): Promise<void> {
    const { replica, state, turns } = this.#core;
    return turns.commit({ writes: replica.writes(state.position, false), committed: () => undefined });
  }

  /** Publishes a message that stands for all before it; false where others were first, again and again. */
  async #publishWhole(source: Source): Promise<boolean> {
    const { id, replica, intake } = this.#core;
    const stored = await readStoredState(id, source);
    const records = [...stored.records];
    for (let n = 0; n < ROLLUP_TRIES; n += 1) {
      const came = await intake.takeAll();
      if (came === undefined) return false;
      records.push(...came.map(({ envelope }) => envelope));
      const message = await this.#messageOf({ ...stored, records });
      if (await replica.publishNext(message, 'summary', PATIENCE_MS)) return true;
    }
    return false;
  }

  /** Publishes all that is here: anywhere, where the order does not matter or the stream is read from the start afterwards. */
  async #publishAll(source: Source): Promise<void> {
    const { id, replica, isLinearised } = this.#core;
    if (!isLinearised || !replica.streamForgets) {
      const message = await this.#messageOf(await readStoredState(id, source));
      return replica.publishAnywhere(message, PATIENCE_MS);
    }
    for (let n = 0; n < WHOLE_TRIES; n += 1) if (await this.#publishWhole(source)) return;
    throw new StreamUnavailableError(`others keep writing to ${id}`); // it is tried again
  }

  async #messageOf(stored: StoredState): Promise<Uint8Array> {
    const { state, edge } = this.#core;
    const data = await encodeStoredState(stored);
    return encodeEnvelope({ kind: STATE_KIND, epoch: state.epoch, time: edge.now(), data, ops: [] });
  }
}
