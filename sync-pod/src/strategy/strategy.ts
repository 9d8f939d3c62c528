import type { Json } from '@etherply/protocol';

/** One write as a strategy sees it. `json` is the value's text, undefined for a deletion; `timestamp` in Unix microseconds. */
export interface Op {
  readonly key: string;
  readonly json: string | undefined;
  readonly value: Json | undefined;
  readonly timestamp: number;
}

/** What a strategy makes of the ops of one turn. Nothing has changed until it is committed. */
export interface Plan {
  /** What the log keeps, and can be read when it is concatenated with others; empty where no op had an effect. */
  readonly data: Uint8Array;
  /** For each op whether it had an effect: deleting an absent key has none. */
  readonly effective: readonly boolean[];
  /** The heads that the workspace has once the plan is committed. */
  readonly heads: readonly string[];
}

/** The part of a record that a strategy needs to repeat it. */
export interface StrategyRecord {
  readonly data: Uint8Array;
  /** The timestamps of the effective ops, in order. */
  readonly timestamps: readonly number[];
}

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
  readonly name: string;
  /** What `ops`, in this order, would do. Leaves the state as it is; nothing else may be planned until it is committed. */
  plan(ops: readonly Op[], nowMs: number): P | Promise<P>;
  /** Carries out the plan made last. Cannot fail: it is called when the record is durable. */
  commit(plan: P, ops: readonly Op[], position: number): void;
  /** Takes in a record from disk or from another pod; a record that is already in has no effect. One at a time. */
  receive(record: StrategyRecord, position: number): void | Promise<void>;
  /** The registers that changed after `heads`, or null where these heads are not known. */
  since(heads: readonly string[]): RegisterView[] | null;
  /** Every live key, as it is at the call. */
  view(): Iterable<RegisterView>;
  heads(): readonly string[];
  /** The state as it is at the call, in chunks of some 64 KiB that are made when they are asked for. */
  snapshot(): Iterable<Uint8Array>;
  /** Takes in the next chunk of a snapshot; all of them, before anything else. */
  restore(chunk: Uint8Array): void;
  /** Packs history: what the packed one so far and the concatenated `data` of the records after it say together. */
  pack(packed: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
}
