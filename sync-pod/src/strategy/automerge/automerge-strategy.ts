import type { WorkspaceSettings } from '@etherply/protocol';
import { sameHeads } from '../heads.ts';
import { KnownHeads } from '../known-heads.ts';
import { StateSize } from '../state-size.ts';
import {
  type Message,
  NO_REFUSALS,
  type Op,
  type Plan,
  type RegisterView,
  refuseRules,
  SettingsError,
  type Strategy,
  type StrategyRecord,
} from '../strategy.ts';
import { authorsText } from './authorship.ts';
import {
  type ChangeHeader,
  type DecodedWrites,
  decodeWrites,
  encodeWrites,
  opCount,
  type RootWrite,
} from './change.ts';
import type { HeavyWork } from './heavy-work.ts';
import { decodeStateChunk, type Entry, encodeState, type Register } from './state-chunks.ts';

interface AutomergePlan extends Plan {
  readonly hash: string | undefined;
  readonly nextOp: number;
  /** The entry that each effective write leaves behind, in order; undefined for a deletion. */
  readonly entries: readonly (Entry | undefined)[];
}

const KNOWN_HEADS = 1024;
/** From here on encoding or decoding a change would hold the event loop for more than some 10 ms. */
const HEAVY_OPS = 4096;
const HEAVY_BYTES = 32 * 1024;
const NO_CHANGE = new Uint8Array(0);

/**
 * An Automerge document kept as its log of changes: for JSON ops it needs just the register map (key → values and the op
 * ids that a next write must name), the heads and the actor's sequence. Loading the log with Automerge gives this state.
 */
export class AutomergeStrategy implements Strategy<AutomergePlan> {
  readonly name = 'automerge';
  readonly size = new StateSize();
  readonly #actor: string;
  readonly #heavyWork: HeavyWork;
  readonly #registers = new Map<string, Register>();
  readonly #known = new KnownHeads(KNOWN_HEADS);
  readonly #seqs = new Map<string, number>();
  #heads: string[] = [];
  #nextOp = 1;

  /** @param actor 16 random bytes in hex that no other process writes with: (actor, seq) never repeats with other content */
  constructor(actor: string, heavyWork: HeavyWork) {
    this.#actor = actor;
    this.#heavyWork = heavyWork;
  }

  plan(messages: readonly Message[], nowMs: number): AutomergePlan | Promise<AutomergePlan> {
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
        const entry = json === undefined ? undefined : { counter: nextOp, actor: this.#actor, json };
        timestamps.push(timestamp ?? nowMs * 1000);
        writes.push({ key, value: json === undefined ? undefined : value, pred: inOrder(held) });
        users.push(author.userId);
        entries.push(entry);
        staged.set(key, entry === undefined ? [] : [entry]);
        nextOp += opCount(value);
      }
    }
    const unrefused = { timestamps, refusals: NO_REFUSALS, nextOp, entries };
    if (writes.length === 0) return { ...unrefused, data: NO_CHANGE, heads: this.#heads, hash: undefined };
    const header: ChangeHeader = {
      actor: this.#actor,
      seq: (this.#seqs.get(this.#actor) ?? 0) + 1,
      startOp: this.#nextOp,
      deps: this.#heads,
      time: Math.floor(nowMs / 1000),
      message: authorsText(users),
    };
    if (nextOp - this.#nextOp >= HEAVY_OPS) return this.#encodeLater(header, writes, unrefused);
    const { bytes, hash } = encodeWrites(header, writes);
    return { ...unrefused, data: bytes, heads: [hash], hash };
  }

  async #encodeLater(
    header: ChangeHeader,
    writes: readonly RootWrite[],
    unrefused: Omit<AutomergePlan, 'data' | 'heads' | 'hash'>,
  ): Promise<AutomergePlan> {
    const { bytes, hash } = await this.#heavyWork.encode(header, writes);
    return { ...unrefused, data: bytes, heads: [hash], hash };
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
    this.#seqs.set(this.#actor, (this.#seqs.get(this.#actor) ?? 0) + 1);
    this.#nextOp = plan.nextOp;
    this.#advanceHeads(plan.hash, this.#heads, position);
  }

  receive({ data, timestamps }: StrategyRecord, position: number): void | Promise<void> {
    if (data.length === 0) return;
    if (data.length < HEAVY_BYTES) this.#apply(decodeWrites(data), timestamps, position);
    else return this.#heavyWork.decode(data).then((decoded) => this.#apply(decoded, timestamps, position));
  }

  #apply({ change, writes }: DecodedWrites, timestamps: readonly number[], position: number): void {
    const seq = this.#seqs.get(change.actor) ?? 0;
    if (change.seq <= seq) return; // it is in already
    if (change.seq !== seq + 1)
      throw new Error(`change ${change.hash} of actor ${change.actor} came before its predecessor`);
    for (const [i, { key, counter, json, pred }] of writes.entries()) {
      const gone = new Set(pred);
      const kept = (this.#registers.get(key)?.entries ?? []).filter((entry) => !gone.has(idOf(entry)));
      if (json !== undefined) kept.push({ counter, actor: change.actor, json });
      const entries = kept.sort((a, b) => b.counter - a.counter || (a.actor < b.actor ? 1 : -1));
      this.#set(key, { entries, timestamp: timestamps[i] ?? change.time * 1e6, position });
    }
    this.#seqs.set(change.actor, change.seq);
    this.#nextOp = Math.max(this.#nextOp, change.startOp + change.opCount);
    this.#advanceHeads(change.hash, change.deps, position);
  }

  since(heads: readonly string[]): RegisterView[] | null {
    if (sameHeads(heads, this.#heads)) return [];
    const known = heads.flatMap((hash) => this.#known.positionOf(hash) ?? []);
    if (known.length === 0 && heads.length > 0) return null;
    const position = Math.max(0, ...known);
    const changed: RegisterView[] = [];
    for (const [key, register] of this.#registers) {
      if (register.position > position) changed.push(viewOf(key, register));
    }
    return changed;
  }

  get(key: string): RegisterView | undefined {
    const register = this.#registers.get(key);
    return register && viewOf(key, register);
  }

  view(): Iterable<RegisterView> {
    return liveViews([...this.#registers.keys()], [...this.#registers.values()]);
  }

  heads(): readonly string[] {
    return this.#heads;
  }

  snapshot(): Iterable<Uint8Array> {
    this.#forgetDeletions();
    const frontier = {
      heads: this.#heads,
      nextOp: this.#nextOp,
      seqs: [...this.#seqs],
      known: this.#known.entries(),
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
    this.#heads = [...part.frontier.heads];
    this.#nextOp = part.frontier.nextOp;
    for (const [actor, seq] of part.frontier.seqs) this.#seqs.set(actor, seq);
    for (const [hash, position] of part.frontier.known) this.#known.add(hash, position);
  }

  configure(settings: WorkspaceSettings): void {
    refuseRules(settings);
    if (settings.retention?.history === 'drop') {
      throw new SettingsError('retention: the history of an automerge workspace is its document and cannot be dropped');
    }
  }

  #set(key: string, register: Register): void {
    const held = this.#registers.get(key);
    this.size.changed(key, held?.entries[0]?.json, register.entries[0]?.json, held !== undefined);
    this.#registers.set(key, register);
  }

  /** Lets go of deleted keys that no heads we know are older than: nobody can ask what changed since before them. */
  #forgetDeletions(): void {
    const oldest = this.#known.oldestPosition();
    for (const [key, { entries, position }] of this.#registers) {
      if (entries.length > 0 || position > oldest) continue;
      this.#registers.delete(key);
      this.size.forgot();
    }
  }

  #advanceHeads(hash: string, deps: readonly string[], position: number): void {
    this.#heads = [...this.#heads.filter((head) => !deps.includes(head)), hash].sort();
    if (this.#heads.length === 1) this.#known.add(hash, position);
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

function idOf({ counter, actor }: Entry): string {
  return `${counter}@${actor}`;
}

/** Automerge wants the predecessors of an op in the order of their ids. */
function inOrder(entries: readonly Entry[]): string[] {
  return entries.map(idOf).reverse();
}
