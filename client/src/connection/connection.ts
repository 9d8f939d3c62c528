import type { ClientFrame, ServerFrame } from '@etherply/protocol';
import { EtherPlyError, textOf } from '../error.ts';
import { Timer } from '../timer.ts';
import { afterClose } from './after-close.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import type { TokenSource } from './token-source.ts';
import { OPEN, type WebSocketConstructor, type WebSocketLike } from './web-socket.ts';

/** `waiting`: until the next attempt. `open`: the state has come, too. */
export type Status = 'connecting' | 'open' | 'waiting' | 'closed';

export interface ConnectionOptions {
  /** Where to connect to; asked at each attempt. */
  readonly url: () => string;
  readonly tokens: TokenSource;
  readonly WebSocket: WebSocketConstructor;
  readonly backoff: BackoffOptions;
  readonly heartbeat: HeartbeatOptions;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface ConnectionHandler {
  received(frame: ServerFrame): void;
  changed(status: Exclude<Status, 'closed'>): void;
  /** The connection goes on, or comes back by itself. */
  failed(error: EtherPlyError): void;
  /** The server closed because of the length of a message. */
  tooLarge(): void;
  /** The server wants no more of this client. */
  ended(error: EtherPlyError): void;
}

const SUBPROTOCOL = 'etherply.v1';
/** A connection that was open for so long, in milliseconds, was a good one: failures before it no longer count. */
const STABLE_MS = 5000;
const TOO_LARGE = 1009;

/** The way to the server: one socket after the other, until it is closed or the server wants no more. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #handler: ConnectionHandler;
  readonly #backoff: Backoff;
  readonly #heartbeat: Heartbeat;
  /** A program that waits for the next attempt is not done. */
  readonly #retry = new Timer(true);
  #status: Status = 'connecting';
  /** The socket of this attempt; what comes of another no longer counts. */
  #socket: WebSocketLike | undefined;
  #openSince = 0;

  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#backoff = new Backoff(options.backoff, options.random);
    this.#heartbeat = new Heartbeat(options.heartbeat);
  }

  get status(): Status {
    return this.#status;
  }

  start(): void {
    void this.#connect();
  }

  /** The network is back: there is no point in waiting. */
  wake(): void {
    if (this.#status === 'waiting') void this.#connect();
  }

  send(frame: ClientFrame | string): void {
    if (this.#socket?.readyState !== OPEN) return;
    this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** This connection is of no use now: comes back on another one, after a while. */
  reconnect(): void {
    if (this.#socket !== undefined) this.#closed(1006, '');
  }

  close(): void {
    this.#status = 'closed';
    this.#leave();
  }

  async #connect(): Promise<void> {
    this.#retry.stop();
    this.#change('connecting');
    let socket: WebSocketLike;
    try {
      const token = await this.#options.tokens.get();
      // Closed while the token was being fetched. An attempt is never overtaken by another.
      if (this.status === 'closed') return;
      socket = this.#open(token);
    } catch (error) {
      if (this.status === 'closed') return;
      this.#handler.failed(
        error instanceof EtherPlyError ? error : new EtherPlyError('token_failed', textOf(error), { cause: error }),
      );
      this.#wait(this.#backoff.next());
      return;
    }
    this.#socket = socket;
    this.#beat(socket);
    const ifCurrent = (act: () => void) => {
      if (this.#socket === socket) act();
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => ifCurrent(() => this.#received(socket, String(data)));
    socket.onerror = (event: { readonly message?: string }) =>
      ifCurrent(() =>
        this.#handler.failed(new EtherPlyError('connection_lost', event.message ?? 'the connection failed')),
      );
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
      ifCurrent(() => this.#closed(code, reason));
  }

  /** The token is a subprotocol, because servers and proxies write URLs to their logs. */
  #open(token: string): WebSocketLike {
    return new this.#options.WebSocket(this.#options.url(), [SUBPROTOCOL, token]);
  }

  #beat(socket: WebSocketLike): void {
    this.#heartbeat.beat(
      () => this.send({ type: 'ping' }),
      () => {
        this.#handler.failed(new EtherPlyError('connection_lost', 'the server does not answer'));
        if (this.#socket === socket) this.#closed(1006, '');
      },
    );
  }

  #received(socket: WebSocketLike, text: string): void {
    this.#beat(socket);
    const frame = frameOf(text);
    if (frame === undefined) {
      this.#handler.failed(new EtherPlyError('bad_frame', `the server sent ${text.slice(0, 100)}`));
      return;
    }
    this.#handler.received(frame);
    // Who was told of the frame may have closed the connection.
    if ((frame.type === 'init' || frame.type === 'delta') && this.#socket === socket) {
      this.#openSince = performance.now();
      this.#change('open');
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#status === 'open' && performance.now() - this.#openSince >= STABLE_MS) this.#backoff.reset();
    this.#leave();
    if (code === TOO_LARGE) this.#handler.tooLarge();
    const after = afterClose(code, reason, this.#options.tokens.renewable);
    switch (after.next) {
      case 'end':
        this.#status = 'closed';
        this.#handler.ended(after.error);
        return;
      case 'wait':
        this.#wait(after.ms);
        return;
      case 'renew_token': {
        // At once, but not again and again where the new token ends at once, too.
        const isFirst = this.#backoff.isFirst;
        const ms = this.#backoff.next();
        this.#wait(isFirst ? 0 : ms);
        return;
      }
      case 'backoff':
        this.#wait(Math.max(after.atLeastMs, this.#backoff.next()));
    }
  }

  #wait(ms: number): void {
    if (this.#status === 'closed') return;
    this.#retry.start(ms, () => void this.#connect());
    this.#change('waiting');
  }

  #leave(): void {
    this.#retry.stop();
    this.#heartbeat.stop();
    this.#options.tokens.stop();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  #change(status: Exclude<Status, 'closed'>): void {
    this.#status = status;
    this.#handler.changed(status);
  }
}

/** What the server sent, or undefined where it is no frame. That a frame is as the protocol says is the server's duty. */
function frameOf(text: string): ServerFrame | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'type' in parsed ? (parsed as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
