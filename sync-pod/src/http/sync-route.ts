import type { HttpResponse, TemplatedApp, WebSocket } from 'uWebSockets.js';
import { randomUUID } from 'node:crypto';
import { CLOSE, type WorkspaceId } from '@etherply/protocol';
import type { Logger } from 'pino';
import type { TokenVerifier } from '../auth/token-verifier.ts';
import type { Presence } from '../presence/presence.ts';
import { Session, type SessionLimits, type SessionObserver, type SessionSocket } from '../session/session.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import type { Admission } from './admission.ts';
import type { CorkAnchor } from './cork-anchor.ts';
import { type Gate, SUBPROTOCOL } from './gate.ts';
import { HttpError, type Reply, type RequestFacts } from './request.ts';
import { type Connection, presenceTopicOf, type Sockets, topicOf } from './sockets.ts';
import { upgrade } from './upgrade.ts';

/** How long a client that is too slow has to read why it is closed. */
const TOO_SLOW_MS = 10_000;

interface ConnectionFacts {
  readonly workspaceId: WorkspaceId;
  readonly userId: string;
  readonly sessionId: string;
}

interface Options {
  readonly gate: Gate;
  readonly admission: Admission;
  readonly sockets: Sockets;
  readonly workspaces: Workspaces;
  readonly presence: Presence;
  readonly verifier: TokenVerifier;
  readonly limits: SessionLimits;
  readonly maxMessageBytes: number;
  readonly maxPendingBytes: number;
  /** Seconds after which a silent socket is closed. */
  readonly idleTimeoutSeconds: number;
  /** Whether the last address of X-Forwarded-For is that of the client. */
  readonly trustProxy: boolean;
  readonly isDraining: () => boolean;
  readonly observerOf: (facts: ConnectionFacts) => SessionObserver;
  readonly received: (bytes: number) => void;
  readonly sent: (bytes: number) => void;
  readonly rejected: (reason: string) => void;
  readonly opened: (facts: ConnectionFacts) => void;
  readonly closed: (facts: ConnectionFacts, code: number) => void;
  /** Answers a request that has failed. */
  readonly fail: (reply: Reply, error: unknown) => void;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The WebSocket route: from a request to a session, and what happens on its socket. */
export class SyncRoute {
  readonly #options: Options;
  readonly #anchor: CorkAnchor;

  constructor(options: Options, anchor: CorkAnchor) {
    this.#options = options;
    this.#anchor = anchor;
  }

  /** Adds the route to an app. */
  register(app: TemplatedApp, replyTo: (res: HttpResponse) => Reply): void {
    const { maxMessageBytes, maxPendingBytes, idleTimeoutSeconds, trustProxy, fail } = this.#options;
    const upgrading = {
      anchor: this.#anchor,
      trustProxy,
      replyTo,
      connect: (facts: RequestFacts, address: string) => this.#connect(app, facts, address),
      fail,
      answer: (res: HttpResponse, { session }: Connection, { protocols }: RequestFacts) => {
        res.writeStatus('101 Switching Protocols').writeHeader('X-Session-ID', session.sessionId);
        return protocols[0] === SUBPROTOCOL ? SUBPROTOCOL : '';
      },
    };
    app.ws<Connection>('/v1/sync/:id', {
      // Larger messages are answered with a close code up to here; beyond, the socket is just closed.
      maxPayloadLength: 4 * maxMessageBytes,
      maxBackpressure: maxPendingBytes,
      idleTimeout: idleTimeoutSeconds,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => upgrade(upgrading, res, req, context),
      open: (ws) => this.#opened(ws),
      message: (ws, message, isBinary) => this.#received(ws, message, isBinary),
      drain: (ws) => {
        const connection = ws.getUserData();
        if (connection.tooSlow) this.#closeTooSlow(ws, connection);
        else if (ws.getBufferedAmount() === 0) connection.session.drained();
      },
      dropped: (ws) => this.#dropped(ws),
      close: (ws, code, message) => {
        const { session, release } = ws.getUserData();
        const { sessionId, userId, workspaceId } = session;
        const reason = Buffer.from(message).toString();
        this.#options.logger.debug({ sessionId, userId, workspaceId, code, reason }, 'a connection has closed');
        session.closed();
        this.#options.sockets.delete(session);
        release();
        this.#options.closed({ workspaceId, userId, sessionId }, code);
      },
    });
  }

  async #connect(app: TemplatedApp, facts: RequestFacts, address: string): Promise<Connection> {
    const { admission, gate, workspaces, isDraining } = this.#options;
    if (isDraining()) throw new HttpError('unavailable', 'this pod is draining: connect again');
    const given: (() => void)[] = [admission.enter(address)];
    const release = () => {
      for (const back of given.splice(0)) back();
    };
    try {
      const { workspace: id, access } = await gate.admit(facts, 'read');
      given.push(admission.enterWorkspace(id));
      const workspace = await workspaces.acquire(id);
      given.push(() => workspaces.release(id));
      if (isDraining()) throw new HttpError('unavailable', 'this pod is draining: connect again');
      const sessionId = randomUUID();
      const userId = gate.userOf(facts, access, sessionId);
      const batched = facts.query.get('batch') === '1' || facts.protocols[0] === SUBPROTOCOL;
      const { verifier, limits, presence, observerOf, now } = this.#options;
      const session = new Session({
        sessionId,
        userId,
        access,
        workspaceId: id,
        batched,
        presence: facts.query.get('presence') === '0' ? undefined : presence,
        limits,
        verifier,
        observer: observerOf({ workspaceId: id, userId, sessionId }),
        now,
      });
      const heads = (facts.query.get('heads') ?? '').split(',').filter((hash) => hash !== '');
      return { session, workspace, heads, batched, app, release, tooSlow: false };
    } catch (error) {
      release();
      throw error;
    }
  }

  #opened(ws: WebSocket<Connection>): void {
    const { session, workspace, heads, batched } = ws.getUserData();
    const { sockets, sent, opened } = this.#options;
    const { sessionId, userId, workspaceId } = session;
    sockets.add(ws);
    const socket: SessionSocket = {
      send: (frame) => {
        sent(frame.length);
        // Corked, it goes out in one write with what was published to this socket before.
        ws.cork(() => ws.send(frame));
      },
      pendingBytes: () => ws.getBufferedAmount(),
      subscribe: () => ws.subscribe(topicOf(workspaceId, batched)),
      subscribePresence: () => ws.subscribe(presenceTopicOf(workspaceId)),
      close: (code, reason) => ws.end(code, reason),
    };
    opened({ workspaceId, userId, sessionId });
    void session.opened(socket, workspace, heads);
  }

  #received(ws: WebSocket<Connection>, message: ArrayBuffer, isBinary: boolean): void {
    const { session } = ws.getUserData();
    const { maxMessageBytes, received, rejected } = this.#options;
    received(message.byteLength);
    if (message.byteLength > maxMessageBytes) {
      rejected('too_large');
      session.close(CLOSE.tooLarge, `a message may have at most ${maxMessageBytes} bytes`);
    } else if (isBinary) session.receivedBinary();
    else session.received(Buffer.from(message).toString(), message.byteLength);
  }

  /** A client that has missed a frame gets nothing more but the reason, once it has read what it was sent before. */
  #dropped(ws: WebSocket<Connection>): void {
    const connection = ws.getUserData();
    if (connection.tooSlow) return;
    connection.tooSlow = true;
    connection.session.closed();
    this.#options.rejected('too_slow');
    // Not from within the send that failed: others may be writing to this socket still.
    setImmediate(() => this.#closeTooSlow(ws, connection));
    setTimeout(() => {
      if (this.#options.sockets.has(ws, connection.session)) ws.close();
    }, TOO_SLOW_MS).unref();
  }

  /** Tells it why as soon as there is room for that. */
  #closeTooSlow(ws: WebSocket<Connection>, { session, batched }: Connection): void {
    if (!this.#options.sockets.has(ws, session)) return; // closed meanwhile
    ws.unsubscribe(topicOf(session.workspaceId, batched));
    ws.unsubscribe(presenceTopicOf(session.workspaceId));
    if (ws.getBufferedAmount() <= this.#options.maxPendingBytes) ws.end(CLOSE.tooSlow, 'too slow: read faster');
  }
}
