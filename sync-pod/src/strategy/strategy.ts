import type { Json, RejectCode, StrategyName, WorkspaceSettings } from '@etherply/protocol';

/** One write as a strategy sees it. `json` is the value's text, undefined for a deletion. */
export interface Op {
  readonly key: string;
  readonly json: string | undefined;
  readonly value: Json | undefined;
  /** The client's, in Unix microseconds; undefined where it gave none. */
  readonly timestamp: number | undefined;
}

/** Who sends a message, as its token says. */
export interface Author {
  readonly userId: string;
  /** What it may do: `read`, `write`, `admin`. */
  readonly scopes: ReadonlySet<string>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Ops that take effect together, or not at all. */
export interface Message {
  readonly ops: readonly Op[];
  readonly author: Author;
}

/** Why a message has no effect: its op on `key` is against the rules of the workspace. */
export interface Refusal {
  readonly key: string;
  readonly code: RejectCode;
  readonly message: string;
}

/** What a strategy makes of the messages of one turn. Nothing has changed until it is committed. */
export interface Plan {
  /** What the log keeps, and can be read when it is concatenated with others; empty where no op had an effect. */
  readonly data: Uint8Array;
  /**
   * For each op of all messages the time with which it takes effect, in Unix microseconds; null where it has none: deleting
   * an absent key, losing to a later write, being refused.
   */
  readonly timestamps: readonly (number | null)[];
  /** The heads that the workspace has once the plan is committed. */
  readonly heads: readonly string[];
  /** The messages that are refused, by their index. */
  readonly refusals: ReadonlyMap<number, Refusal>;
}

export const NO_REFUSALS: ReadonlyMap<number, Refusal> = new Map();

/** The part of a record that a strategy needs to repeat it. */
export interface StrategyRecord {
  readonly data: Uint8Array;
  /** The timestamps of the effective ops, in order. */
  readonly timestamps: readonly number[];
  /** By whose connection it came as a whole; unset where its ops have users of their own, or nobody is known. */
  readonly user?: string | undefined;
}

/** The keys that a record has written, or some of them, see {@link Strategy.settle}; null where it is in already, and has no effect. */
export type Received = readonly string[] | null;

/** A record has not been taken in: what it does depends on more than the strategy holds. See {@link Strategy.complete}. */
export const NEEDS_HISTORY = Symbol('needs history');

export type Answered = Received | typeof NEEDS_HISTORY;

/** A key as clients are told of it. `json` undefined: deleted. */
export interface RegisterView {
  readonly key: string;
  readonly json: string | undefined;
  readonly timestamp: number;
}

/**
 * How a workspace turns ops into state. Pure: no I/O, and no clock but the one passed in. What would hold the event loop for
 * long is done on a worker thread and answered with a promise.
 * A position is the number of a record in this pod's log of the workspace, from 1.
 */
export interface Strategy<P extends Plan = Plan> {
  readonly name: StrategyName;
  /** What the messages, in this order, would do. Leaves the state as it is; nothing else may be planned until it is committed. */
  plan(messages: readonly Message[], nowMs: number): P | Promise<P>;
  /** Carries out the plan made last, of messages with these ops. Cannot fail: it is called when the record is durable. */
  commit(plan: P, ops: readonly Op[], position: number): void;
  /** Takes in a record from disk or from another pod. One at a time. */
  receive(record: StrategyRecord, position: number): Answered | Promise<Answered>;
  /**
   * Gives it all records that are in, and maybe later ones, so that it takes in what needed them.
   * @param position of the last of them
   */
  complete(history: Uint8Array, position: number): void;
  /** The keys that records have changed besides those that `receive` told of; after each step of records. */
  settle(): readonly string[];
  /** As `receive`, of all that is in another replica's snapshot. */
  fold(chunks: readonly Uint8Array[], position: number): Received;
  /** The registers that changed after `heads`, all after none; or null where these heads are not known. */
  since(heads: readonly string[]): RegisterView[] | null;
  /** What a key holds; undefined where it never held anything, or nobody can know of it any more. */
  get(key: string): RegisterView | undefined;
  /** Every live key, as it is at the call. */
  view(): Iterable<RegisterView>;
  /** Live keys, the bytes of their names and values, and the deletions that are remembered. */
  readonly size: { readonly keys: number; readonly bytes: number; readonly deleted: number };
  /** Empty as long as nothing has been written. */
  heads(): readonly string[];
  /** The state as it is at the call, in chunks of some 64 KiB that are made when they are asked for. */
  snapshot(nowMs: number): Iterable<Uint8Array>;
  /** Takes in the next chunk of a snapshot; all of them, before anything else. */
  restore(chunk: Uint8Array): void;
  /**
   * From now on these settings hold.
   * @throws SettingsError where they cannot be used, or what is in the workspace breaks them; nothing has changed then
   */
  configure(settings: WorkspaceSettings): void;
}

/** Settings that make no sense, in words for the admin who sent them. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** For a strategy that takes every op. @throws SettingsError where there are rules */
export function refuseRules({ strategy, schema, rules }: WorkspaceSettings): void {
  if (schema !== undefined || (rules !== undefined && rules.length > 0)) {
    throw new SettingsError(`schema and rules need the strategy server-auth; this workspace has ${strategy}`);
  }
}
