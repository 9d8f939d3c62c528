import type { Status } from './connection/connection.ts';
import type { EtherPlyError } from './error.ts';
import type { Message } from './message.ts';
import type { PresenceChange } from './replica/roster.ts';

export interface Change {
  /** What these keys hold is another value than before. */
  readonly keys: readonly string[];
  /** `local`: written here just now. */
  readonly origin: 'local' | 'remote';
  /** Who wrote; undefined where it is not known, or not of one user. */
  readonly userId: string | undefined;
}

export interface Rejection {
  /** The message that has no effect. */
  readonly message: Message;
  readonly error: EtherPlyError;
}

export interface ClientEvents {
  change: Change;
  status: Status;
  presence: PresenceChange;
  /** Something failed that the client gets over by itself, or that concerns no write. */
  error: EtherPlyError;
  rejected: Rejection;
  /** For good: by `close`, or with the error for which the server wants no more of this client. */
  closed: EtherPlyError | undefined;
}
