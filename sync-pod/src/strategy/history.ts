import type { StrategyName } from '@etherply/protocol';
import type { StrategyRecord } from './strategy.ts';

/** What was kept of the records of a workspace, oldest first. */
export interface StoredHistory {
  /** The heads at which it begins: what was before has been dropped. Empty: nothing has. */
  readonly base: readonly string[];
  /** What `pack` gave; may be empty. */
  readonly packed: Uint8Array;
  /** The `data` of the records after that, concatenated. */
  readonly rest: Uint8Array;
  /** What the snapshot of the strategy begins with, where there is one. */
  readonly snapshot?: Uint8Array | undefined;
  /** By whose connections the last records came that have data; null where a record does not say. */
  readonly users?: readonly (string | null)[];
}

/** One commit as history shows it. */
export interface HistoricRecord {
  readonly hash: string;
  readonly actor: string;
  /** Unix microseconds. */
  readonly timestamp: number;
  readonly message: string | null;
  /** By whose connection it came; null where its ops say who, or nobody is known. */
  readonly author: string | null;
  readonly ops: readonly HistoricOp[];
  /** It did more than `ops` says. */
  readonly isTruncated?: boolean;
}

/** What was done to a key. `user` null: not known. */
export type HistoricOp =
  /** `json` undefined: deleted. */
  | { readonly key: string; readonly json: string | undefined; readonly user: string | null }
  /** Inside its value, at a path of keys and indexes. */
  | {
      readonly key: string;
      readonly path: readonly (string | number)[];
      readonly edit: Edit;
      readonly user: string | null;
    };

/** Values are JSON texts: what is put or inserted into a list (an array) or a text (a string). Lengths are in items or UTF-16 units. */
export type Edit =
  | { readonly put: string }
  | { readonly insert: string }
  | { readonly remove: number }
  | { readonly increment: number }
  | { readonly mark: { readonly name: string; readonly value: unknown; readonly length: number } };

/** Which records to show: the `limit` newest, of those before the one named `before` where it is given. */
export interface Page {
  readonly limit: number;
  readonly before: string | undefined;
}

/** How a strategy's records are read long after they were written. Takes long: to be called on a worker thread. */
export interface HistoryReader {
  /** The whole history, packed. */
  pack(history: StoredHistory): Promise<Uint8Array>;
  /** Newest first; null where there is no record named `before`. */
  page(history: StoredHistory, page: Page): HistoricRecord[] | null;
  /** All records, also those that are held back; as a rule each after those that it depends on. */
  records(history: StoredHistory): Promise<StrategyRecord[]>;
  /** Each live key with its value's text as it was at `heads`; null where they are not known. */
  stateAt(history: StoredHistory, heads: readonly string[]): Promise<[key: string, json: string][] | null>;
}

/** As `HistoryReader`, off the event loop. */
export interface HistoryWork {
  pack(strategy: StrategyName, history: StoredHistory): Promise<Uint8Array>;
  page(strategy: StrategyName, history: StoredHistory, page: Page): Promise<HistoricRecord[] | null>;
  records(strategy: StrategyName, history: StoredHistory): Promise<StrategyRecord[]>;
  stateAt(strategy: StrategyName, history: StoredHistory, heads: readonly string[]): Promise<[string, string][] | null>;
}
