import type { HttpResponse, TemplatedApp, WebSocket } from 'uWebSockets.js';
import { randomUUID } from 'node:crypto';
import { CLOSE, type WorkspaceId } from '@etherply/protocol';
import type { Logger } from 'pino';
import type { Access } from '../auth/access.ts';
import type { RepoSession, RepoSocket } from '../repo-sync/repo-session.ts';
import type { Admission } from './admission.ts';
import type { CorkAnchor } from './cork-anchor.ts';
import type { Gate } from './gate.ts';
import { HttpError, type Reply, type RequestFacts } from './request.ts';
import { upgrade } from './upgrade.ts';

/** How often it is looked whose token has ended, in milliseconds. */
const EXPIRY_MS = 500;
/** A silent client is given up after so many seconds; after half of them it is pinged. */
const IDLE_SECONDS = 8;
/** A document that is sent for the first time comes in one message. */
const FRAME_PER_MESSAGE = 64;
/** A client that is to go has so long to read what it was sent, and then to take it in, in milliseconds. */
const READ_MS = 2000;
const TAKE_IN_MS = 50;
/** Marks the ping that comes back when all before it has been read. */
const LAST_PING = 'last';

interface RepoConnection {
  readonly session: RepoSession;
  /** Once it is open. */
  socket?: { closed(): void };
  /** The client has read all that it was sent. */
  hasRead?: () => void;
  /** Gives back the place that it has among the connections. */
  readonly release: () => void;
}

interface Options {
  readonly gate: Gate;
  readonly admission: Admission;
  readonly maxMessageBytes: number;
  readonly trustProxy: boolean;
  readonly isDraining: () => boolean;
  readonly sessionOf: (facts: {
    readonly userId: string;
    readonly access: Access;
    readonly only: WorkspaceId | undefined;
  }) => RepoSession;
  readonly received: (bytes: number) => void;
  readonly sent: (bytes: number) => void;
  readonly rejected: (reason: string) => void;
  readonly fail: (reply: Reply, error: unknown) => void;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The WebSocket routes of automerge-repo clients. */
export class RepoRoute {
  readonly #options: Options;
  readonly #anchor: CorkAnchor;
  readonly #sessions = new Set<RepoSession>();
  /** Of those that are gone, what came through them is being taken in. */
  readonly #closing = new Set<Promise<void>>();
  readonly #expiry: NodeJS.Timeout;

  constructor(options: Options, anchor: CorkAnchor) {
    this.#options = options;
    this.#anchor = anchor;
    this.#expiry = setInterval(() => this.#expireTokens(options.now() / 1000), EXPIRY_MS);
    this.#expiry.unref();
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Asks so many clients to come back, spread over `windowMs`: those that have been connected for longest. */
  closeSome(count: number, windowMs: number): void {
    const staying = [...this.#sessions].filter((session) => !session.isLeaving);
    for (const session of staying.slice(0, count)) {
      session.dismiss(CLOSE.restart, JSON.stringify({ retry_after_ms: Math.floor(Math.random() * windowMs) }));
    }
  }

  /** Asks every client to come back, spread over `windowMs`. Resolves when all have gone and what they sent is in, or have had the time to. */
  async closeAll(windowMs: number): Promise<void> {
    clearInterval(this.#expiry);
    this.closeSome(this.count, windowMs);
    const end = performance.now() + 2 * READ_MS;
    const isBusy = () => this.count > 0 || this.#closing.size > 0;
    while (isBusy() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, TAKE_IN_MS));
  }

  /** Adds the routes to an app. */
  register(app: TemplatedApp, replyTo: (res: HttpResponse) => Reply): void {
    const { maxMessageBytes, trustProxy, fail, logger, received, sent, rejected } = this.#options;
    const most = FRAME_PER_MESSAGE * maxMessageBytes;
    for (const [path, isForOne] of [
      ['/v1/repo', false],
      ['/v1/repo/:id', true],
    ] as const) {
      const upgrading = {
        anchor: this.#anchor,
        trustProxy,
        replyTo,
        connect: (facts: RequestFacts, address: string) => this.#connect(facts, isForOne, address),
        fail,
      };
      app.ws<RepoConnection>(path, {
        maxPayloadLength: most,
        maxBackpressure: most,
        // Who has missed a message would wait for it for ever.
        closeOnBackpressureLimit: true,
        idleTimeout: IDLE_SECONDS,
        sendPingsAutomatically: true,
        upgrade: (res, req, context) => upgrade(upgrading, res, req, context),
        open: (ws) => {
          const { session } = ws.getUserData();
          this.#sessions.add(session);
          const socket = socketOf(ws, sent);
          ws.getUserData().socket = socket;
          session.opened(socket);
        },
        message: (ws, message, isBinary) => {
          received(message.byteLength);
          const { session } = ws.getUserData();
          if (isBinary) session.received(new Uint8Array(message.slice(0)));
          else session.close(CLOSE.badFrames, 'frames are binary here');
        },
        pong: (ws, message) => {
          if (Buffer.from(message).toString() === LAST_PING) ws.getUserData().hasRead?.();
        },
        dropped: () => rejected('too_slow'),
        close: (ws, code) => {
          const { session, socket, release } = ws.getUserData();
          socket?.closed();
          logger.debug({ code }, 'a connection of automerge-repo has closed');
          this.#sessions.delete(session);
          release();
          const closing = session.closed().finally(() => this.#closing.delete(closing));
          this.#closing.add(closing);
        },
      });
    }
  }

  async #connect(facts: RequestFacts, isForOne: boolean, address: string): Promise<RepoConnection> {
    const { admission, gate, isDraining, sessionOf } = this.#options;
    if (isDraining()) throw new HttpError('unavailable', 'this pod is draining: connect again');
    const given: (() => void)[] = [admission.enter(address)];
    const release = () => {
      for (const back of given.splice(0)) back();
    };
    try {
      const { workspace, access } = isForOne
        ? await gate.admit(facts, 'read')
        : { workspace: undefined, access: await gate.admitToSome(facts, 'read') };
      if (isDraining()) throw new HttpError('unavailable', 'this pod is draining: connect again');
      const userId = gate.userOf(facts, access, randomUUID());
      return { session: sessionOf({ userId, access, only: workspace }), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #expireTokens(nowSeconds: number): void {
    for (const session of [...this.#sessions]) {
      if (session.expiresAt !== undefined && session.expiresAt <= nowSeconds) session.expire();
    }
  }
}

function socketOf(ws: WebSocket<RepoConnection>, sent: (bytes: number) => void): RepoSocket & { closed(): void } {
  let isOpen = true;
  const close = (code: number, reason: string) => {
    if (!isOpen) return;
    isOpen = false;
    ws.end(code, reason);
  };
  return {
    send: (frame: Uint8Array) => {
      if (!isOpen) return;
      sent(frame.length);
      ws.send(frame, true);
    },
    close,
    closeWhenRead: (code: number, reason: string) => {
      if (!isOpen) return;
      ws.getUserData().hasRead = () => setTimeout(() => close(code, reason), TAKE_IN_MS);
      ws.ping(LAST_PING);
      setTimeout(() => close(code, reason), READ_MS).unref();
    },
    closed: () => {
      isOpen = false;
    },
  };
}
