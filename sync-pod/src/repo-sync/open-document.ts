import {
  decodeSyncMessage as decodeWhole,
  encodeSyncMessage,
  initSyncState,
  type SyncState,
} from '@automerge/automerge';
import type { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import { cutChunks, isChange } from '../strategy/automerge/change-header.ts';
import { decodeSyncMessage, type SyncMessage } from '../strategy/automerge/sync-message.ts';
import type { HistoryWork } from '../strategy/history.ts';
import type { Author } from '../strategy/strategy.ts';
import { UnreadableError } from '../strategy/unreadable-error.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { isPassingError } from '../workspaces/passing-error.ts';
import { Follower } from './follower.ts';
import type { Pacing, Participant } from './pacing.ts';

interface Edge {
  readonly author: Author;
  /** What it writes is taken. */
  readonly mayWrite: () => boolean;
  readonly historyWork: HistoryWork;
  readonly send: (message: Uint8Array) => void;
  /** What is stored of it cannot be read. */
  readonly unreadable: () => void;
  /** There is nothing here. */
  readonly unavailable: () => void;
  /** The client is to connect again: what it sent may not be here. */
  readonly interrupted: () => void;
  /** Something that should not happen has happened. */
  readonly failed: (error: unknown) => void;
  /** It sent what cannot be read. */
  readonly broken: (why: string) => void;
  /** Its client says that it has these heads; what it brought of them is in. */
  readonly has: (heads: readonly string[]) => void;
  /** So many changes came in. */
  readonly changes: (count: number, bytes: number) => void;
}

/** What waits while the workspace is busy; a client that sends more is to come again. */
const MAX_HEARD_BYTES = 128 * 1024 * 1024;

/** One document of one connection: what its client says of it, and what it is told. */
export class OpenDocument implements Participant {
  readonly #workspace: Workspace;
  readonly #pacing: Pacing;
  readonly #edge: Edge;
  #strategy: AutomergeStrategy | undefined;
  /** What the library knows of the peer; as for a new one while it is a follower. */
  #peer: SyncState = initSyncState();
  #follower: Follower | undefined;
  /** Those that a peer that may only read was told last. */
  #headsTold: string | undefined;
  #heard: { readonly data: Uint8Array; readonly isRequest: boolean }[] = [];
  #heardBytes = 0;
  /** What was heard is to be taken in. */
  #isDue = false;
  /** It may have to be told something. */
  #isBehind = false;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(workspace: Workspace, pacing: Pacing, edge: Edge) {
    this.#workspace = workspace;
    this.#pacing = pacing;
    this.#edge = edge;
    pacing.enter(workspace, this);
  }

  hear(data: Uint8Array, isRequest: boolean): void {
    if (this.#isClosed) return;
    this.#heardBytes += data.length;
    if (this.#heardBytes > MAX_HEARD_BYTES) {
      this.#edge.interrupted();
      return;
    }
    this.#heard.push({ data, isRequest });
    if (this.#follower === undefined || isRequest) this.takeIn();
    else this.#pacing.hear(this);
  }

  takeIn(): void {
    if (this.#heard.length === 0) return;
    this.#isDue = true;
    this.#run();
  }

  tell(): void {
    this.#isBehind = true;
    this.#run();
  }

  /** Takes in what was heard before, and then nothing more; says nothing more at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pacing.leave(this.#workspace, this);
    this.takeIn();
    while (this.#running !== undefined) await this.#running;
  }

  #run(): void {
    this.#running ??= this.#work()
      .catch((error: unknown) => {
        this.#drop();
        if (error instanceof UnreadableError) {
          this.#workspace.checkReadable();
          this.#edge.unreadable();
          return;
        }
        if (!isPassingError(error)) this.#edge.failed(error);
        this.#edge.interrupted();
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#isDue || (this.#isBehind && !this.#isClosed)) this.#run();
      });
  }

  async #work(): Promise<void> {
    const isDue = this.#isDue;
    const isBehind = this.#isBehind;
    this.#isDue = false;
    this.#isBehind = false;
    if (!isDue && this.#workspace.strategy === this.#strategy && this.#tellFollower()) return;
    const strategy = await this.#workspace.whole();
    if (strategy === undefined) {
      this.#drop();
      return this.#edge.unavailable();
    }
    // What was told of another state says nothing of this one.
    if (this.#strategy !== undefined && this.#strategy !== strategy) return this.#edge.interrupted();
    this.#strategy = strategy;
    for (let next = this.#heard.shift(); next !== undefined; next = this.#heard.shift()) {
      const { data, isRequest } = next;
      this.#heardBytes -= data.length;
      if (!(await this.#take(strategy, data, isRequest))) return this.#drop();
      if (isRequest && strategy.heads().length === 0) this.#edge.unavailable();
    }
    if (this.#isClosed || (this.#follower !== undefined && !isBehind)) return;
    await this.#workspace.whole();
    if (strategy.heads().length > 0 || this.#peer.theirHeads !== null) this.#tell(strategy);
  }

  /** What is new goes to a follower without the whole document. @returns false where that is not all there is to do */
  #tellFollower(): boolean {
    const news = this.#follower?.tell();
    if (news === undefined) return false;
    if (news !== null) this.#edge.send(news);
    return true;
  }

  /** Once told, a peer is told nothing more until it answers or something changes: to ask again costs as much as the message. */
  #tell(strategy: AutomergeStrategy): void {
    if (this.#tellFollower()) return;
    this.#follower = undefined;
    const [peer, message] = strategy.tell(this.#peer);
    this.#peer = peer;
    this.#follow(strategy);
    if (message === null) return;
    const sent = this.#edge.mayWrite() ? message : this.#toReader(message);
    if (sent !== undefined) this.#edge.send(sent);
  }

  /**
   * A message without what is asked of a peer whose changes are not taken. Undefined where nothing is left of it: such a peer never
   * has the same as the workspace, and each would answer the other for ever.
   */
  #toReader(message: Uint8Array): Uint8Array | undefined {
    const decoded = decodeWhole(message);
    const heads = decoded.heads.join();
    if (decoded.changes.length === 0 && heads === this.#headsTold) return undefined;
    this.#headsTold = heads;
    return encodeSyncMessage({ ...decoded, need: [] });
  }

  /** From now on it is told without the library, where it is known what it has. */
  #follow(strategy: AutomergeStrategy): void {
    this.#follower = Follower.at(strategy, this.#peer.theirHeads ?? []);
    if (this.#follower !== undefined) this.#peer = initSyncState();
  }

  /** @returns false where nothing more is to be taken */
  async #take(strategy: AutomergeStrategy, data: Uint8Array, isRequest: boolean): Promise<boolean> {
    let decoded: SyncMessage;
    try {
      decoded = decodeSyncMessage(data);
    } catch {
      return this.#refuse('a message of a document cannot be read');
    }
    const mayWrite = this.#edge.mayWrite();
    const changes = mayWrite ? decoded.changes : [];
    if (changes.length > 0) {
      const taken = await this.#merge(strategy, changes, data.length);
      if (taken !== true) return taken === false ? false : this.#refuse(taken);
    }
    this.#edge.has(decoded.heads);
    if (!isRequest && this.#follower?.hear(decoded, changes) === true) return true;
    this.#follower = undefined;
    await this.#workspace.whole();
    try {
      const message = mayWrite ? data : encodeSyncMessage({ ...decodeWhole(data), changes: [] });
      this.#peer = strategy.hear(this.#peer, message);
    } catch (error) {
      if (error instanceof UnreadableError) throw error;
      return this.#refuse('a message of a document cannot be taken in');
    }
    return true;
  }

  /** @returns false: it is to come again; a text: it is refused for good */
  async #merge(strategy: AutomergeStrategy, brought: readonly Uint8Array[], bytes: number): Promise<boolean | string> {
    const changes: Uint8Array[] = [];
    try {
      for (const chunk of brought.flatMap((one) => [...cutChunks(one)])) {
        if (isChange(chunk)) changes.push(chunk);
        else {
          const history = { base: [], packed: chunk, rest: new Uint8Array() };
          const records = await this.#edge.historyWork.records('automerge', history);
          for (const { data } of records) changes.push(data);
        }
      }
      const summaries = await strategy.summarize(changes);
      await this.#workspace.whole(); // it may have been dropped meanwhile
      const problem = strategy.judge(summaries, changes);
      if (typeof problem === 'string') return problem;
      if (problem === null) {
        this.#edge.interrupted();
        return false;
      }
    } catch (error) {
      if (error instanceof UnreadableError) throw error;
      return 'a change of a document cannot be read';
    }
    this.#edge.changes(changes.length, bytes);
    const outcome: Outcome = await this.#workspace.merge(changes, this.#edge.author);
    if (outcome.ok) return true;
    if (outcome.code === 'unavailable') {
      this.#edge.interrupted();
      return false;
    }
    return outcome.message;
  }

  /** What it has said besides is of no use: it is to come again, or not to come. */
  #drop(): void {
    this.#heard = [];
    this.#heardBytes = 0;
    this.#isDue = false;
    this.#isBehind = false;
  }

  #refuse(why: string): false {
    this.#edge.broken(why);
    return false;
  }
}
