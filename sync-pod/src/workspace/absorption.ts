import type { WorkspaceId } from '@etherply/protocol';
import type { LogEntry } from '../storage/shard.ts';
import { type Answered, NEEDS_HISTORY, type Received, type RegisterView } from '../strategy/strategy.ts';
import type { Envelope } from './state/envelope.ts';
import { SYSTEM_USER } from './state/system-user.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import { announcementOf } from './turn/announcement.ts';
import type { Announcement, Broadcaster } from './turn/broadcaster.ts';

/** What one user has written. */
interface Told {
  readonly user: string;
  readonly views: RegisterView[];
}

/** Records of other pods that are taken in one after the other, as a part of one step. */
export class Absorption {
  readonly #workspace: WorkspaceId;
  readonly #state: WorkspaceState;
  readonly #broadcaster: Broadcaster;
  readonly #records: LogEntry[] = [];
  /** What is to be told of the records that were settled. */
  readonly #announcements: Announcement[] = [];
  /** Of the records since. */
  #before: readonly string[];
  #told: Told[] = [];
  #users = new Set<string>();

  /** @param broadcaster whom it will tell */
  constructor(workspace: WorkspaceId, state: WorkspaceState, broadcaster: Broadcaster) {
    this.#workspace = workspace;
    this.#state = state;
    this.#broadcaster = broadcaster;
    this.#before = state.strategy.heads();
    // What changed while nobody was there, those who are have got when they came.
    if (broadcaster.isHeard(workspace)) state.strategy.settle();
  }

  /** What there is to be written; the state has advanced to them when they are. */
  get records(): readonly LogEntry[] {
    return this.#records;
  }

  /** The position of the last one. */
  get position(): number {
    return this.#state.position + this.#records.length;
  }

  /**
   * As `take`, of a small one.
   * @returns false where it must be taken alone, and nothing has changed
   */
  takeNow(envelope: Envelope, bytes: Uint8Array): boolean {
    const keys = this.#receive(envelope);
    if (keys instanceof Promise) throw new Error('a small record takes longer than a turn');
    if (keys === NEEDS_HISTORY) return false;
    this.#received(envelope, bytes, keys);
    return true;
  }

  /** Takes in a record of the workspace's strategy and epoch; one that is in already has no effect. Nothing else may wait to be written. */
  async take(envelope: Envelope, bytes: Uint8Array): Promise<void> {
    let keys = await this.#receive(envelope);
    if (keys === NEEDS_HISTORY) {
      if (this.#records.length > 0) throw new Error('what is to be written is no part of the history yet');
      await this.#state.complete(this.#workspace);
      keys = await this.#receive(envelope);
    }
    if (keys === NEEDS_HISTORY) throw new Error('the history is not enough to take in a record');
    this.#received(envelope, bytes, keys);
  }

  /** Takes in the state of another pod, of which there are no records any more. */
  takeState(chunks: readonly Uint8Array[], bytes: Uint8Array): void {
    const keys = this.#state.strategy.fold(chunks, this.position + 1);
    if (keys === null) return;
    this.#add(bytes);
    this.#told.push({ user: SYSTEM_USER, views: keys.map((key) => this.#viewOf(key)) });
  }

  /**
   * These are all of one step, or of one user: what has changed is what they did. Where nobody is there to be told, that is not
   * looked at: it takes long, and later not longer for many.
   */
  settle(): void {
    const { strategy } = this.#state;
    const told = this.#told;
    const [only = SYSTEM_USER, ...others] = this.#users;
    if (this.#broadcaster.isHeard(this.#workspace)) {
      const views = strategy.settle().map((key) => this.#viewOf(key));
      if (views.length > 0) told.push({ user: others.length === 0 ? only : SYSTEM_USER, views });
    }
    for (const [i, { user, views }] of told.entries()) {
      // Only who has the last frame has all that the heads stand for.
      this.#announcements.push(announcementOf(views, user, i === told.length - 1 ? strategy.heads() : this.#before));
    }
    this.#before = strategy.heads();
    this.#told = [];
    this.#users = new Set();
  }

  /** Tells everyone what has changed, as far as it is settled. */
  announce(): void {
    for (const announcement of this.#announcements)
      this.#broadcaster.announce(this.#workspace, undefined, announcement);
  }

  #receive(envelope: Envelope): Answered | Promise<Answered> {
    if (envelope.data.length === 0 && this.#isRemembered(envelope)) return null;
    return this.#state.receive(envelope, this.position + 1);
  }

  #received(envelope: Envelope, bytes: Uint8Array, keys: Received): void {
    if (keys === null) return;
    for (const { user, id, fingerprint } of envelope.ops) {
      this.#users.add(user);
      if (id !== null) this.#state.memory.remember(user, id, fingerprint, envelope.time);
    }
    this.#add(bytes);
    this.#tell(envelope, keys);
  }

  #isRemembered({ ops }: Envelope): boolean {
    const { memory } = this.#state;
    return ops.every(({ user, id }) => id === null || memory.recall(user, id) !== undefined);
  }

  #add(envelope: Uint8Array): void {
    this.#records.push({ workspace: this.#workspace, position: this.position + 1, envelope });
  }

  #tell({ ops }: Envelope, keys: readonly string[]): void {
    const users = ops.flatMap(({ user, timestamp }) => (timestamp === null ? [] : [user]));
    const isClear = users.length === keys.length;
    let run: Told | undefined;
    for (const [i, key] of keys.entries()) {
      const user = (isClear ? users[i] : users.every((one) => one === users[0]) ? users[0] : undefined) ?? SYSTEM_USER;
      if (run?.user !== user) {
        run = { user, views: [] };
        this.#told.push(run);
      }
      run.views.push(this.#viewOf(key));
    }
  }

  #viewOf(key: string): RegisterView {
    return this.#state.strategy.get(key) ?? { key, json: undefined, timestamp: 0 };
  }
}
