import type { BackoffOptions } from './connection/backoff.ts';
import type { HeartbeatOptions } from './connection/heartbeat.ts';
import type { Token } from './connection/token-source.ts';
import type { WebSocketConstructor } from './connection/web-socket.ts';
import type { Outbox } from './outbox/outbox.ts';

export interface ClientOptions {
  /** Where the server is: `wss://sync.example.com`; `https:` and `http:` do as well. */
  readonly url: string;
  /** The id of the workspace. */
  readonly workspace: string;
  /** A token, or a callback that gives a valid one each time it is asked. */
  readonly token: Token;
  /** Keeps what the server has not answered. Default: `memoryOutbox()`. */
  readonly outbox?: Outbox;
  /** Default: the global one. */
  readonly WebSocket?: WebSocketConstructor;
  readonly backoff?: BackoffOptions;
  readonly heartbeat?: HeartbeatOptions;
  /** Writes that may wait for their acks; more are refused with `too_many_pending`. Default 10,000. */
  readonly maxPending?: number;
  /** As the server has it: longer messages are refused with `too_large`. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** From 0 to below 1; spreads attempts to connect. Default `Math.random`. */
  readonly random?: () => number;
}
