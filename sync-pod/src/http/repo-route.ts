import type { HttpResponse, TemplatedApp, WebSocket } from 'uWebSockets.js';
import { randomUUID } from 'node:crypto';
import { CLOSE, type WorkspaceId } from '@etherply/protocol';
import type { Logger } from 'pino';
import type { Access } from '../auth/access.ts';
import type { RepoSession } from '../repo-sync/repo-session.ts';
import type { Admission } from './admission.ts';
import type { CorkAnchor } from './cork-anchor.ts';
import type { Gate } from './gate.ts';
import { HttpError, type Reply, type RequestFacts } from './request.ts';
import { upgrade } from './upgrade.ts';

/** How often it is looked whose token has ended, in milliseconds. */
const EXPIRY_MS = 500;
/** A silent client is pinged before, and given up then, in seconds. */
const IDLE_SECONDS = 12;
/** A document that is sent for the first time comes in one message. */
const FRAME_PER_MESSAGE = 64;

interface RepoConnection {
  readonly session: RepoSession;
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
    for (const session of [...this.#sessions].slice(0, count)) {
      session.close(CLOSE.restart, JSON.stringify({ retry_after_ms: Math.floor(Math.random() * windowMs) }));
    }
  }

  /** Asks every client to come back, spread over `windowMs`. */
  closeAll(windowMs: number): void {
    clearInterval(this.#expiry);
    this.closeSome(this.count, windowMs);
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
          session.opened(socketOf(ws, sent));
        },
        message: (ws, message, isBinary) => {
          received(message.byteLength);
          const { session } = ws.getUserData();
          if (isBinary) session.received(new Uint8Array(message.slice(0)));
          else session.close(CLOSE.badFrames, 'frames are binary here');
        },
        dropped: () => rejected('too_slow'),
        close: (ws, code) => {
          const { session, release } = ws.getUserData();
          logger.debug({ code }, 'a connection of automerge-repo has closed');
          this.#sessions.delete(session);
          session.closed();
          release();
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

function socketOf(ws: WebSocket<RepoConnection>, sent: (bytes: number) => void) {
  let isOpen = true;
  return {
    send: (frame: Uint8Array) => {
      if (!isOpen) return;
      sent(frame.length);
      ws.send(frame, true);
    },
    close: (code: number, reason: string) => {
      if (!isOpen) return;
      isOpen = false;
      ws.end(code, reason);
    },
  };
}
