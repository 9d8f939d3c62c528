import type { SyncState } from '@automerge/automerge';
import type { WorkspaceSettings } from '@etherply/protocol';
import { StateSize } from '../state-size.ts';
import {
  type Answered,
  type Message,
  NEEDS_HISTORY,
  NO_REFUSALS,
  type Op,
  type Plan,
  type Received,
  type RegisterView,
  refuseRules,
  SettingsError,
  type Strategy,
  type StrategyRecord,
} from '../strategy.ts';
import { UnreadableError } from '../unreadable-error.ts';
import { ActorProgress } from './actor-progress.ts';
import { Authors } from './authors.ts';
import { authorsText } from './authorship.ts';
import { type DecodedWrites, decodeWrites, encodeWrites, opCount, type RootWrite } from './change.ts';
import type { ChangeHeader } from './change-draft.ts';
import { actorAndSeq } from './change-header.ts';
import { Judgement, MISPLACED } from './change-judge.ts';
import { type ChangeSummary, summaryOf } from './change-summary.ts';
import { HEAVY_OPS, isHeavy } from './change-weight.ts';
import { type Arrived, DocumentRegisters } from './document-registers.ts';
import { Frontier } from './frontier.ts';
import type { HeavyWork } from './heavy-work.ts';
import { RecentChanges } from './recent-changes.ts';
import { RecentPlaces } from './recent-places.ts';
import { decodeStateChunk, type Entry, encodeState, idOf, type Register } from './state-chunks.ts';

interface AutomergePlan extends Plan {
  readonly hash: string | undefined;
  readonly nextOp: number;
  /** The entry that each effective write leaves behind, in order; undefined for a deletion. */
  readonly entries: readonly (Entry | undefined)[];
}

const NO_CHANGE = new Uint8Array(0);

/**
 * An Automerge document kept as its log of changes: for JSON ops it needs just the register map (key → values and the op
 * ids that a next write must name), the heads and the actor's sequence. Loading the log with Automerge gives this state.
 * From the first change on that edits inside values, the registers are what the whole document says.
 */
export class AutomergeStrategy implements Strategy<AutomergePlan> {
  readonly name = 'automerge';
  readonly size = new StateSize();
  readonly #actor: string;
  readonly #heavyWork: HeavyWork;
  readonly #registers = new Map<string, Register>();
  readonly #progress = new ActorProgress();
  readonly #frontier = new Frontier();
  readonly #authors = new Authors();
  /** Ops that have been replaced before they came, as `counter@actor`. */
  readonly #gone = new Set<string>();
  #nextOp = 1;
  /** Of the last record that changed something. */
  #position = 0;
  #document: DocumentRegisters | undefined;
  /** What has come since there was the whole document for the first time. */
  #recent: RecentChanges | undefined;
  /** Of the ops of changes that clients brought. */
  readonly #recentPlaces = new RecentPlaces();
  /** As of the last snapshot, where there is no document. */
  #isPartial = false;
  /** Keys that the document has changed, and nobody has been told of. */
  readonly #unsettled = new Set<string>();
  #fault: UnreadableError | undefined;

  /** @param actor 16 random bytes in hex that no other process writes with: (actor, seq) never repeats with other content */
  constructor(actor: string, heavyWork: HeavyWork) {
    this.#actor = actor;
    this.#heavyWork = heavyWork;
  }

  /** What the whole document takes in memory, about; 0 where there is none. */
  get documentBytes(): number {
    return this.#document?.bytes ?? 0;
  }

  /** Lets go of the whole document, until it is completed again. */
  dropDocument(): void {
    this.#refresh();
    if (this.#document === undefined) return;
    this.#isPartial = this.#document.isPartial;
    this.#document.free();
    this.#document = undefined;
  }

  /** It has the whole document: see `complete`. */
  get isComplete(): boolean {
    return this.#document !== undefined;
  }

  /** Why there is no document any more: some change that came could not be taken in. The registers are as before it. */
  get fault(): UnreadableError | undefined {
    return this.#fault;
  }

  /** What changes say, for `judge`. @throws where one is no change, is too large, or has what the library cannot read */
  async summarize(changes: readonly Uint8Array[]): Promise<ChangeSummary[]> {
    const summaries: ChangeSummary[] = [];
    for (const one of changes) summaries.push(isHeavy(one) ? await this.#heavyWork.summarize(one) : summaryOf(one));
    return summaries;
  }

  /**
   * Looks at changes that a client brings, before any of them is taken in.
   * @param summaries what they say
   * @returns what is wrong with them, in words for who made the client; null: they cannot be judged, for something is missing
   * @throws UnreadableError
   */
  judge(summaries: readonly ChangeSummary[], changes: readonly Uint8Array[]): string | undefined | null {
    return this.#consult((document) => {
      const judgement = new Judgement({
        actor: this.#actor,
        seq: (actor) => this.#progress.seq(actor),
        nextOp: (actor) => this.#progress.nextOp(actor),
        has: (hash) => this.isRecent(hash) || document.has(hash),
        mayHave: (hash) => document.mayHave(hash),
        objectOf: (id) => document.objectOf(id),
        recentPlaceOf: (id) => this.#recentPlaces.of(id),
        hasValue: (object, key, id) => this.#isRootValue(object, key, id) || document.hasValue(object, key, id),
      });
      for (const summary of summaries) {
        const problem = judgement.judge(summary);
        if (problem !== undefined) return problem;
      }
      const { doubtful } = judgement;
      if (doubtful.size > 0 && !document.keepsWhole(changes, doubtful)) return MISPLACED;
      for (const { replacements } of summaries) this.#recentPlaces.add(replacements);
      return undefined;
    });
  }

  /** As it was when the document was last looked at. */
  #isRootValue(object: string, key: string, id: string): boolean {
    return object === '_root' && this.#registers.get(key)?.entries.some((entry) => idOf(entry) === id) === true;
  }

  /** A peer of Automerge's sync protocol says what it has. The changes that it brings along must be in. @throws where the message is none */
  hear(peer: SyncState, message: Uint8Array): SyncState {
    this.#refresh();
    return this.#consult((document) => document.hear(peer, message));
  }

  /** What is to be sent to a peer next; null: nothing, until there is something new or the peer says something. */
  tell(peer: SyncState): [SyncState, Uint8Array | null] {
    this.#refresh();
    return this.#consult((document) => document.tell(peer));
  }

  /** How many changes have come since there was the whole document for the first time. */
  get count(): number {
    return this.#recent?.count ?? 0;
  }

  /** How many had come when the heads were these; undefined where that is not remembered. */
  countAt(heads: readonly string[]): number | undefined {
    return this.#recent?.countAt(heads.toSorted());
  }

  /** Whether it is known that a change is in; false for those that came long ago. */
  isRecent(hash: string): boolean {
    return this.#recent?.has(hash) === true || this.#frontier.tips.includes(hash);
  }

  /**
   * As `tell`, for a peer that has all changes but those that came after the first `from`, and has brought some of these itself:
   * without a look at the document, and made once for all who lack the same. Undefined where it takes `tell`.
   */
  news(from: number, brought: readonly Uint8Array[]): Uint8Array | undefined {
    return this.#frontier.isWhole ? this.#recent?.messageSince(from, this.#frontier.heads, brought) : undefined;
  }

  plan(messages: readonly Message[], nowMs: number): AutomergePlan | Promise<AutomergePlan> {
    this.#refresh();
    const staged = new Map<string, readonly Entry[]>();
    const writes: RootWrite[] = [];
    const users: string[] = [];
    const entries: (Entry | undefined)[] = [];
    const timestamps: (number | null)[] = [];
    let nextOp = this.#nextOp;
    for (const { ops, author } of messages) {
      for (const { key, json, value, timestamp } of ops) {
        const held = staged.get(key) ?? this.#registers.get(key)?.entries ?? [];
        if (json === undefined && held.length === 0) {
          timestamps.push(null);
          continue;
        }
        const time = timestamp ?? nowMs * 1000;
        const entry = json === undefined ? undefined : { counter: nextOp, actor: this.#actor, json, timestamp: time };
        timestamps.push(time);
        writes.push({ key, value: json === undefined ? undefined : value, pred: inOrder(held) });
        users.push(author.userId);
        entries.push(entry);
        staged.set(key, entry === undefined ? [] : [entry]);
        nextOp += opCount(value);
      }
    }
    const unrefused = { timestamps, refusals: NO_REFUSALS, nextOp, entries };
    if (writes.length === 0) return { ...unrefused, data: NO_CHANGE, heads: this.heads(), hash: undefined };
    const header: ChangeHeader = {
      actor: this.#actor,
      seq: this.#progress.seq(this.#actor) + 1,
      startOp: this.#nextOp,
      deps: this.#frontier.tips,
      time: Math.floor(nowMs / 1000),
      message: authorsText(users),
    };
    if (nextOp - this.#nextOp >= HEAVY_OPS) return this.#encodeLater(header, writes, unrefused);
    const { bytes, hash } = encodeWrites(header, writes);
    return { ...unrefused, data: bytes, heads: this.#frontier.headsWith(hash), hash };
  }

  async #encodeLater(
    header: ChangeHeader,
    writes: readonly RootWrite[],
    unrefused: Omit<AutomergePlan, 'data' | 'heads' | 'hash'>,
  ): Promise<AutomergePlan> {
    const { bytes, hash } = await this.#heavyWork.encode(header, writes);
    return { ...unrefused, data: bytes, heads: this.#frontier.headsWith(hash), hash };
  }

  commit(plan: AutomergePlan, ops: readonly Op[], position: number): void {
    if (plan.hash === undefined) return;
    let write = 0;
    for (const [i, { key }] of ops.entries()) {
      const timestamp = plan.timestamps[i] ?? null;
      if (timestamp === null) continue;
      const entry = plan.entries[write++];
      this.#set(key, { entries: entry === undefined ? [] : [entry], timestamp, position });
    }
    this.#feed((document) => document.add(plan.data));
    this.#nextOp = plan.nextOp;
    this.#progress.advance(this.#actor, plan.nextOp);
    this.#frontier.advance(plan.hash, this.#frontier.tips, position);
    this.#remember(plan.hash, plan.data);
  }

  receive(record: StrategyRecord, position: number): Answered | Promise<Answered> {
    const { data } = record;
    if (data.length === 0) return [];
    const header = actorAndSeq(data);
    if (header !== undefined && this.#progress.has(header.actor, header.seq)) return null;
    if (!isHeavy(data)) return this.#take(decodeWrites(data), record, position);
    return this.#takeHeavy(record, position);
  }

  complete(history: Uint8Array, position: number): void {
    this.#document = new DocumentRegisters(history, this.#isPartial);
    this.#gone.clear();
    this.#recent ??= new RecentChanges(this.#frontier.heads);
    // As a rule it is made of what is in the registers already, and to look at it takes longer than to load it.
    if (this.#frontier.isWhole && this.#document.isAt(this.#frontier.heads)) return;
    for (const [key, register] of this.#document.all(this.#registers, position)) this.#changed(key, register);
  }

  settle(): readonly string[] {
    this.#refresh();
    const keys = [...this.#unsettled];
    this.#unsettled.clear();
    return keys;
  }

  /** The history of an Automerge document is never dropped: there are records to receive. */
  fold(): Received {
    throw new Error('an automerge workspace is never without its records');
  }

  async #takeHeavy(record: StrategyRecord, position: number): Promise<Answered> {
    return this.#take(await this.#heavyWork.decode(record.data), record, position);
  }

  /** Takes in a change, or keeps it for later; and those that have waited for it. */
  #take(decoded: DecodedWrites, record: StrategyRecord, position: number): Answered {
    const { actor, seq } = decoded.change;
    if (this.#progress.has(actor, seq)) return null;
    if (seq !== this.#progress.seq(actor) + 1) {
      this.#progress.hold(actor, seq, record);
      return [];
    }
    const run: Arrived[] = [{ decoded, record }];
    for (let early = this.#progress.early(actor, seq + 1); early !== undefined; ) {
      run.push({ decoded: decodeWrites(early.data), record: early });
      early = this.#progress.early(actor, seq + run.length);
    }
    const document = this.#document;
    if (document !== undefined) {
      for (const [i, one] of run.entries()) {
        const { change } = one.decoded;
        this.#feed((whole) => whole.take(one, position));
        this.#progress.advance(actor, change.startOp + change.opCount);
        this.#nextOp = Math.max(this.#nextOp, change.startOp + change.opCount);
        this.#advanced(one, i, run.length, position);
      }
      if (document.isDue) this.#refresh();
      return [];
    }
    if (this.#isPartial || run.some((one) => one.decoded.writes === undefined)) return NEEDS_HISTORY;
    for (const [i, one] of run.entries()) {
      this.#apply(one, position);
      this.#advanced(one, i, run.length, position);
    }
    return run.flatMap((one) => one.decoded.keys);
  }

  #advanced({ decoded, record }: Arrived, at: number, length: number, position: number): void {
    // Who has a state between two changes of this record does not have all that is in it.
    const { hash, deps, actor, seq } = decoded.change;
    if (record.user !== undefined) this.#authors.add(actor, seq, record.user);
    this.#frontier.advance(hash, deps, at === length - 1 ? position : position - 1);
    this.#remember(hash, record.data);
  }

  /** For peers that are told of it: where there never was a document there are none. */
  #remember(hash: string, change: Uint8Array): void {
    this.#recent?.add(hash, change, this.#frontier.heads);
  }

  /** Each op takes away those that it replaces, whether they have come already or not, and is there unless it has been replaced. */
  #apply({ decoded, record }: Arrived, position: number): void {
    const { change, writes = [] } = decoded;
    const { actor } = change;
    const nextOp = change.startOp + change.opCount;
    // First: its ops may also replace each other.
    this.#progress.advance(actor, nextOp);
    for (const [i, { key, counter, json, pred }] of writes.entries()) {
      const replaced = new Set(pred);
      const entries = (this.#registers.get(key)?.entries ?? []).filter((entry) => !replaced.has(idOf(entry)));
      for (const id of replaced) if (!this.#hasOp(id)) this.#gone.add(id);
      const timestamp = record.timestamps[i] ?? change.time * 1e6;
      if (json !== undefined && !this.#gone.delete(`${counter}@${actor}`)) {
        entries.push({ counter, actor, json, timestamp });
      }
      entries.sort((a, b) => b.counter - a.counter || (a.actor < b.actor ? 1 : -1));
      this.#set(key, { entries, timestamp: entries[0]?.timestamp ?? timestamp, position });
    }
    this.#nextOp = Math.max(this.#nextOp, nextOp);
  }

  since(heads: readonly string[]): RegisterView[] | null {
    const position = this.#frontier.positionOf(heads);
    if (position === undefined) return null;
    this.#refresh();
    const changed: RegisterView[] = [];
    if (position === this.#position) return changed;
    for (const [key, register] of this.#registers) {
      if (register.position > position) changed.push(viewOf(key, register));
    }
    return changed;
  }

  get(key: string): RegisterView | undefined {
    this.#refresh();
    const register = this.#registers.get(key);
    return register && viewOf(key, register);
  }

  view(): Iterable<RegisterView> {
    this.#refresh();
    return liveViews([...this.#registers.keys()], [...this.#registers.values()]);
  }

  heads(): readonly string[] {
    return this.#frontier.heads;
  }

  snapshot(): Iterable<Uint8Array> {
    this.#refresh();
    this.#forgetDeletions();
    const frontier = {
      ...this.#frontier.entries(),
      nextOp: this.#nextOp,
      progress: this.#progress.entries(),
      gone: [...this.#gone],
      isPartial: this.#document?.isPartial ?? this.#isPartial,
      authors: this.#authors.entries(),
    };
    // Registers are never changed, only replaced: two shallow copies are the state as it is now.
    return encodeState(frontier, [...this.#registers.keys()], [...this.#registers.values()]);
  }

  restore(chunk: Uint8Array): void {
    const part = decodeStateChunk(chunk);
    if ('registers' in part) {
      for (const [key, register] of part.registers) this.#set(key, register);
      return;
    }
    this.#nextOp = part.frontier.nextOp;
    this.#progress.restore(part.frontier.progress);
    for (const id of part.frontier.gone) this.#gone.add(id);
    this.#isPartial = part.frontier.isPartial;
    this.#frontier.restore(part.frontier);
    this.#authors.restore(part.frontier.authors);
  }

  configure(settings: WorkspaceSettings): void {
    refuseRules(settings);
    if (settings.retention?.history === 'drop') {
      throw new SettingsError('retention: the history of an automerge workspace is its document and cannot be dropped');
    }
  }

  /** Has the registers be what the document says. */
  #refresh(): void {
    this.#feed((document) => {
      for (const [key, register] of document.changed(this.#registers)) this.#changed(key, register);
    });
  }

  /** What is in the log is in, whether the document can be made of it or not: nobody who waits for something else is to fail. */
  #feed(work: (document: DocumentRegisters) => void): void {
    if (this.#document === undefined) return;
    try {
      this.#consult(work);
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
    }
  }

  /** @throws UnreadableError where there is no document any more */
  #consult<T>(work: (document: DocumentRegisters) => T): T {
    if (this.#document === undefined) throw this.#fault ?? new Error('it takes the whole document');
    try {
      return work(this.#document);
    } catch (error) {
      if (error instanceof UnreadableError) {
        this.#fault = error;
        this.#document = undefined;
        this.#isPartial = true;
      }
      throw error;
    }
  }

  #changed(key: string, register: Register): void {
    this.#set(key, register);
    this.#unsettled.add(key);
  }

  #set(key: string, register: Register): void {
    const held = this.#registers.get(key);
    this.#position = Math.max(this.#position, register.position);
    this.size.changed(key, held?.entries[0]?.json, register.entries[0]?.json, held !== undefined);
    this.#registers.set(key, register);
  }

  /** Lets go of deleted keys that no heads we know are older than: nobody can ask what changed since before them. */
  #forgetDeletions(): void {
    const oldest = this.#frontier.oldestPosition();
    for (const [key, { entries, position }] of this.#registers) {
      if (entries.length > 0 || position > oldest) continue;
      this.#registers.delete(key);
      this.size.forgot();
    }
  }

  #hasOp(id: string): boolean {
    const at = id.indexOf('@');
    return this.#progress.hasOp(id.slice(at + 1), Number(id.slice(0, at)));
  }
}

function* liveViews(keys: readonly string[], registers: readonly Register[]): Iterable<RegisterView> {
  for (const [i, register] of registers.entries()) {
    if (register.entries.length > 0) yield viewOf(keys[i] ?? '', register);
  }
}

function viewOf(key: string, register: Register): RegisterView {
  return { key, json: register.entries[0]?.json, timestamp: register.timestamp };
}

/** Automerge wants the predecessors of an op in the order of their ids. */
function inOrder(entries: readonly Entry[]): string[] {
  return entries.map(idOf).reverse();
}
