import {
  App,
  type HttpRequest,
  type HttpResponse,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from 'uWebSockets.js';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { CLOSE, postOpsBody, type WorkspaceId } from '@etherply/protocol';
import type { Logger } from 'pino';
import type { TokenVerifier } from '../auth/token-verifier.ts';
import type { Metrics } from '../metrics.ts';
import { Session, type SessionSocket } from '../session/session.ts';
import { toOp } from '../session/to-op.ts';
import { ShardDownError } from '../storage/supervised-shard.ts';
import type { Announcement, Broadcaster, Subscriber } from '../workspace/broadcaster.ts';
import { ackText } from '../workspace/frames.ts';
import type { Outcome, Workspace } from '../workspace/workspace.ts';
import type { Workspaces } from '../workspace/workspaces.ts';
import { CorkAnchor } from './cork-anchor.ts';
import { Gate, SUBPROTOCOL } from './gate.ts';
import { HttpError, Reply, type RequestFacts, readBody, readRequest } from './request.ts';

/** How long a client that is too slow has to read why it is closed. */
const TOO_SLOW_MS = 10_000;

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

interface Options {
  readonly verifier: TokenVerifier;
  readonly maxMessageBytes: number;
  readonly maxPendingBytes: number;
  readonly maxConnections: number;
  /** Seconds after which a silent socket is closed. */
  readonly idleTimeoutSeconds: number;
  readonly logger: Logger;
  readonly now: () => number;
}

interface Connection {
  readonly session: Session;
  readonly workspace: Workspace;
  readonly heads: readonly string[];
  readonly batched: boolean;
  tooSlow: boolean;
}

/** The uWebSockets.js app: upgrades, REST routes, health and metrics. */
export class Server implements Broadcaster {
  readonly #app = App();
  readonly #options: Options;
  readonly #gate: Gate;
  readonly #sockets = new Map<Subscriber, WebSocket<Connection>>();
  #metrics: Metrics | undefined;
  #listening: us_listen_socket | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #draining = false;
  #upgrading = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#gate = new Gate(options.verifier);
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** What is sent and not yet handed to the operating system, over all connections. */
  get pendingBytes(): number {
    let sum = 0;
    for (const ws of this.#sockets.values()) sum += ws.getBufferedAmount();
    return sum;
  }

  announce(workspace: WorkspaceId, origin: Subscriber | undefined, { singles, batch }: Announcement): void {
    const socket = origin === undefined ? undefined : this.#sockets.get(origin);
    const sender = socket ?? this.#app;
    const publish = (topic: string, frame: string) => {
      this.#metrics?.bytesOut.inc(frame.length);
      sender.publish(topic, frame);
    };
    const singleTopic = topicOf(workspace, false);
    if (this.#app.numSubscribers(singleTopic) > 0) for (const frame of singles()) publish(singleTopic, frame);
    const batchTopic = topicOf(workspace, true);
    if (this.#app.numSubscribers(batchTopic) > 0) publish(batchTopic, batch());
  }

  /** Starts to serve; resolves with the port. */
  async listen(host: string, port: number, workspaces: Workspaces, metrics: Metrics): Promise<number> {
    this.#metrics = metrics;
    this.#routes(workspaces, metrics, await CorkAnchor.create());
    await checkPort(host, port);
    this.#expiry = setInterval(() => this.#expireTokens(), 500);
    return new Promise((resolve, reject) => {
      this.#app.listen(host, port, (socket) => {
        if (socket === false) {
          reject(new ListenError(`cannot listen on ${host}:${port}`));
          return;
        }
        this.#listening = socket;
        resolve(us_socket_local_port(socket));
      });
    });
  }

  /** Turns `/readyz` red and takes no more connections. */
  refuseConnections(): void {
    this.#draining = true;
  }

  /** Asks every client to come back, spread over `windowMs`. */
  closeSessions(windowMs: number): void {
    for (const { session } of [...this.#sockets.values()].map((ws) => ws.getUserData())) {
      session.close(CLOSE.restart, JSON.stringify({ retry_after_ms: Math.floor(Math.random() * windowMs) }));
    }
  }

  close(): void {
    clearInterval(this.#expiry);
    if (this.#listening !== undefined) us_listen_socket_close(this.#listening);
    this.#app.close();
  }

  #routes(workspaces: Workspaces, metrics: Metrics, anchor: CorkAnchor): void {
    this.#app.get('/healthz', (res) => new Reply(res).json('{"status":"ok"}'));
    this.#app.get('/readyz', (res) => this.#ready(new Reply(res), workspaces));
    this.#app.get('/metrics', (res) => {
      const reply = new Reply(res);
      void metrics.registry.metrics().then((text) => reply.text(text, metrics.registry.contentType));
    });
    this.#app.get('/v1/workspaces/:id', (res, req) => this.#answer(res, req, (facts) => this.#read(facts, workspaces)));
    this.#app.post('/v1/workspaces/:id/ops', (res, req) => {
      // The body arrives whether or not it is wanted yet: listen before anything else.
      const body = readBody(res, this.#options.maxMessageBytes);
      body.catch(() => undefined);
      this.#answer(res, req, (facts) => this.#write(facts, body, workspaces));
    });
    this.#app.ws<Connection>('/v1/sync/:id', {
      // Larger messages are answered with a close code up to here; beyond, the socket is just closed.
      maxPayloadLength: 4 * this.#options.maxMessageBytes,
      maxBackpressure: this.#options.maxPendingBytes,
      idleTimeout: this.#options.idleTimeoutSeconds,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const key = req.getHeader('sec-websocket-key');
        const extensions = req.getHeader('sec-websocket-extensions');
        const facts = readRequest(req);
        const reply = new Reply(res);
        void this.#upgrade(facts, workspaces).then(
          (connection) => {
            if (reply.aborted) {
              workspaces.release(connection.session.workspaceId);
              return;
            }
            const protocol = facts.protocols[0] === SUBPROTOCOL ? SUBPROTOCOL : '';
            anchor.run(() =>
              res.cork(() => {
                res.writeStatus('101 Switching Protocols').writeHeader('X-Session-ID', connection.session.sessionId);
                res.upgrade<Connection>(connection, key, protocol, extensions, context);
              }),
            );
          },
          (error: unknown) => this.#fail(reply, error),
        );
      },
      open: (ws) => this.#opened(ws),
      message: (ws, message, isBinary) => {
        const { session } = ws.getUserData();
        metrics.bytesIn.inc(message.byteLength);
        if (message.byteLength > this.#options.maxMessageBytes) {
          metrics.rejected.inc({ reason: 'too_large' });
          session.close(CLOSE.tooLarge, `a message may have at most ${this.#options.maxMessageBytes} bytes`);
          return;
        }
        if (isBinary) session.receivedBinary();
        else session.received(Buffer.from(message).toString());
      },
      drain: (ws) => {
        const connection = ws.getUserData();
        if (connection.tooSlow) this.#closeTooSlow(ws, connection);
        else if (ws.getBufferedAmount() === 0) connection.session.drained();
      },
      dropped: (ws) => {
        const connection = ws.getUserData();
        if (connection.tooSlow) return;
        // It has missed a frame: it gets nothing more but the reason, once it has read what it was sent before.
        connection.tooSlow = true;
        connection.session.closed();
        metrics.rejected.inc({ reason: 'too_slow' });
        // Not from within the send that failed: others may be writing to this socket still.
        setImmediate(() => this.#closeTooSlow(ws, connection));
        setTimeout(() => {
          if (this.#sockets.get(connection.session) === ws) ws.close();
        }, TOO_SLOW_MS).unref();
      },
      close: (ws, code, message) => {
        const { session } = ws.getUserData();
        const { sessionId, userId, workspaceId } = session;
        const reason = Buffer.from(message).toString();
        this.#options.logger.debug({ sessionId, userId, workspaceId, code, reason }, 'a connection has closed');
        session.closed();
        this.#sockets.delete(session);
        workspaces.release(session.workspaceId);
      },
    });
    this.#app.any('/*', (res) => new Reply(res).error('not_found', 'there is no such route'));
  }

  #ready(reply: Reply, workspaces: Workspaces): void {
    const problems = workspaces.problems();
    if (this.#draining) reply.error('unavailable', 'draining');
    else if (problems.length > 0) reply.error('unavailable', problems.join('; '));
    else reply.json('{"status":"ready"}');
  }

  #answer(res: HttpResponse, req: HttpRequest, handle: (facts: RequestFacts) => Promise<string | Buffer>): void {
    const facts = readRequest(req);
    const reply = new Reply(res);
    void handle(facts).then(
      (body) => reply.json(body),
      (error: unknown) => this.#fail(reply, error),
    );
  }

  #fail(reply: Reply, error: unknown): void {
    const known =
      error instanceof HttpError
        ? error
        : error instanceof ShardDownError
          ? new HttpError('unavailable', error.message)
          : undefined;
    this.#metrics?.rejected.inc({ reason: known?.code ?? 'internal' });
    if (known === undefined) this.#options.logger.error({ err: error }, 'a request failed');
    reply.error(known?.code ?? 'unavailable', known?.message ?? 'an internal error; it is in the log');
  }

  async #upgrade(facts: RequestFacts, workspaces: Workspaces): Promise<Connection> {
    this.#upgrading += 1;
    try {
      if (this.#draining) throw new HttpError('unavailable', 'this pod is draining: connect again');
      if (this.#sockets.size + this.#upgrading > this.#options.maxConnections) {
        throw new HttpError('unavailable', 'this pod has all the connections that it may have');
      }
      const { workspace: id, access } = await this.#gate.admit(facts, 'read');
      const workspace = await workspaces.acquire(id);
      const sessionId = randomUUID();
      const batched = facts.query.get('batch') === '1' || facts.protocols[0] === SUBPROTOCOL;
      const session = new Session({
        sessionId,
        userId: access.userId ?? facts.query.get('userId') ?? `anonymous-${sessionId}`,
        access,
        workspaceId: id,
        batched,
        verifier: this.#options.verifier,
        observer: {
          ops: (count) => this.#metrics?.ops.inc(count),
          acked: (count) => this.#metrics?.acks.inc({ durability: 'local' }, count),
          rejected: (reason) => this.#metrics?.rejected.inc({ reason }),
        },
        now: this.#options.now,
      });
      const heads = (facts.query.get('heads') ?? '').split(',').filter((hash) => hash !== '');
      return { session, workspace, heads, batched, tooSlow: false };
    } finally {
      this.#upgrading -= 1;
    }
  }

  /** Tells it why as soon as there is room for that. */
  #closeTooSlow(ws: WebSocket<Connection>, { session, batched }: Connection): void {
    if (this.#sockets.get(session) !== ws) return; // closed meanwhile: it may not even be asked
    ws.unsubscribe(topicOf(session.workspaceId, batched));
    if (ws.getBufferedAmount() <= this.#options.maxPendingBytes) ws.end(CLOSE.tooSlow, 'too slow: read faster');
  }

  #opened(ws: WebSocket<Connection>): void {
    const { session, workspace, heads, batched } = ws.getUserData();
    this.#sockets.set(session, ws);
    const socket: SessionSocket = {
      send: (frame) => {
        this.#metrics?.bytesOut.inc(frame.length);
        // Corked, it goes out in one write with what was published to this socket before.
        ws.cork(() => ws.send(frame));
      },
      pendingBytes: () => ws.getBufferedAmount(),
      subscribe: () => ws.subscribe(topicOf(session.workspaceId, batched)),
      close: (code, reason) => ws.end(code, reason),
    };
    void session.opened(socket, workspace, heads);
  }

  #expireTokens(): void {
    const now = this.#options.now() / 1000;
    for (const session of [...this.#sockets.values()].map((ws) => ws.getUserData().session)) {
      if (session.expiresAt !== undefined && session.expiresAt <= now) session.expire();
    }
  }

  async #read(facts: RequestFacts, workspaces: Workspaces): Promise<Buffer> {
    const { workspace: id } = await this.#gate.admit(facts, 'read');
    const { data, heads } = await workspaces.use(id, ({ wholes }) => wholes.current());
    return Buffer.concat([Buffer.from('{"data":'), data, Buffer.from(`,"heads":${JSON.stringify(heads)}}`)]);
  }

  async #write(facts: RequestFacts, body: Promise<string>, workspaces: Workspaces): Promise<string> {
    const { workspace: id, access } = await this.#gate.admit(facts, 'write');
    if (this.#draining) throw new HttpError('unavailable', 'this pod is draining: send it again');
    const now = this.#options.now();
    const sent = parseOps(await body);
    const ops = sent.map((one) => toOp(one, now));
    const user = access.userId ?? facts.query.get('userId') ?? `anonymous-${randomUUID()}`;
    const ids = sent.flatMap((one) => one.id ?? []);
    const expectedHeads =
      facts.ifMatch === '' ? undefined : facts.ifMatch.split(',').map((hash) => hash.trim().replaceAll('"', ''));
    return workspaces.use(id, async (workspace) => {
      this.#metrics?.ops.inc(ops.length);
      const outcome = await new Promise<Outcome>((settle) => {
        // An array takes effect as a whole, so that its ids together are the id of the whole.
        const whole = ids.length === 0 ? undefined : ids.join(' ');
        workspace.submit({ user, id: whole, ops, origin: undefined, expectedHeads, settle });
      });
      if (!outcome.ok) throw new HttpError(outcome.code, outcome.message);
      this.#metrics?.acks.inc({ durability: 'local' }, ops.length);
      return `{${ackText(ids, ops.length, outcome.heads, 'local')}}`;
    });
  }
}

/**
 * uWebSockets.js shares a port with whoever listens on it already, and each gets some of the connections. Its option against
 * that would also refuse a port on which connections of a process that has died are still closing. So: is anybody there?
 * @throws ListenError where somebody is
 */
async function checkPort(host: string, port: number): Promise<void> {
  if (port === 0) return; // the operating system picks a free one
  const isEveryAddress = host === '0.0.0.0' || host === '::';
  const probe = connect({ host: isEveryAddress ? 'localhost' : host, port });
  await new Promise<void>((resolve, reject) => {
    probe.once('error', () => resolve());
    probe.once('connect', () =>
      reject(new ListenError(`cannot listen on ${host}:${port}: the port is in use; set another one as PORT`)),
    );
  }).finally(() => probe.destroy());
}

/** Who takes batches listens to another topic than who takes single ops. */
function topicOf(workspace: WorkspaceId, batched: boolean): string {
  return batched ? `n ${workspace}` : `1 ${workspace}`;
}

function parseOps(body: string) {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new HttpError('bad_request', 'the body is not JSON');
  }
  const ops = postOpsBody.safeParse(parsed);
  if (!ops.success) {
    const issue = ops.error.issues[0];
    throw new HttpError(
      'bad_request',
      `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'breaks the schema'}`,
    );
  }
  return Array.isArray(ops.data) ? ops.data : [ops.data];
}
