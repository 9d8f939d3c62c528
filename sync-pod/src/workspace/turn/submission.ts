import type { ErrorCode } from '@etherply/protocol';
import type { Author, Op, Refusal, RegisterView } from '../../strategy/strategy.ts';
import type { Subscriber } from './broadcaster.ts';

/** What a sender learns of its message: all its ops are durable, or none has any effect. */
export type Outcome =
  | { readonly ok: true; readonly heads: readonly string[] }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly rejection?: Rejection };

/** The rules of the workspace are against it. */
export interface Rejection extends Refusal {
  /** What the key holds once everything that was sent before the rejection has happened; undefined: nothing. */
  readonly held: RegisterView | undefined;
  readonly heads: readonly string[];
}

/** One message of a client: its ops take effect together. */
export interface Submission {
  readonly author: Author;
  readonly id: string | undefined;
  readonly ops: readonly Op[];
  /** Who gets no broadcast of it, because it already knows. */
  readonly origin: Subscriber | undefined;
  /** Where present: refused unless the workspace is exactly at these heads. */
  readonly expectedHeads?: readonly string[] | undefined;
  /** Called once, in the order in which the workspace committed. */
  readonly settle: (outcome: Outcome) => void;
}

export const UNAVAILABLE: Outcome = {
  ok: false,
  code: 'unavailable',
  message: 'the workspace cannot be written now; try again later',
};
