import type { ErrorCode, RejectCode } from '@etherply/protocol';

/** What went wrong: the server's own codes, and those of the client. */
export type EtherPlyErrorCode =
  | ErrorCode
  | RejectCode
  /** `close` was called: whether the write takes effect is not known. */
  | 'closed'
  /** As many writes as `maxPending` allows are waiting for their acks. */
  | 'too_many_pending'
  /** The token has ended and there is no callback for another. */
  | 'token_expired'
  /** The callback for a token threw, or what it gave cannot be a token. */
  | 'token_failed'
  | 'workspace_deleted'
  /** The connection failed or was lost; the client tries again. */
  | 'connection_lost'
  /** The server sent what is no frame. */
  | 'bad_frame'
  /** The outbox did not keep or give back messages; they are still sent. */
  | 'outbox_failed';

interface Details {
  /** The key whose op was refused. */
  readonly key?: string;
  readonly cause?: unknown;
}

export class EtherPlyError extends Error {
  override readonly name = 'EtherPlyError';
  readonly code: EtherPlyErrorCode;
  readonly key: string | undefined;

  constructor(code: EtherPlyErrorCode, text: string, { key, cause }: Details = {}) {
    super(`${code}: ${text}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.key = key;
  }
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
