import {
  App,
  type HttpRequest,
  type HttpResponse,
  SSLApp,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { StreamUnavailableError } from '../replication/stream.ts';
import { ShardDownError } from '../storage/supervised-shard.ts';
import { BusyError } from '../workspaces/history-reads.ts';
import { QuarantinedError } from '../workspaces/quarantine.ts';
import type { Certificate } from './certificate.ts';
import type { ControlRoutes } from './control-routes.ts';
import type { Gate } from './gate.ts';
import type { RepoRoute } from './repo-route.ts';
import { HttpError, Reply, readBody, readRequest } from './request.ts';
import type { PodRequest, Route } from './route.ts';
import type { Sockets } from './sockets.ts';
import type { SyncRoute } from './sync-route.ts';

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** How ready the pod is to serve. */
interface Readiness {
  /** What keeps it from serving everything, one line each. */
  readonly problems: readonly string[];
  /** What whoever runs it should know all the same. */
  readonly notes: readonly string[];
}

interface Options {
  readonly gate: Gate;
  readonly routes: readonly Route[];
  readonly syncRoute: SyncRoute;
  /** Undefined: there are none. */
  readonly repoRoute: RepoRoute | undefined;
  readonly sockets: Sockets;
  /** Undefined: there are none. */
  readonly controlRoutes: ControlRoutes | undefined;
  readonly readiness: () => Readiness;
  readonly metricsText: () => Promise<string>;
  readonly metricsType: string;
  /** The text of `/openapi.json`. */
  readonly description: string;
  readonly maxMessageBytes: number;
  readonly rejected: (reason: string) => void;
  readonly logger: Logger;
}

/** The uWebSockets.js apps: routes, health, and the port. There is one app, and one more for each new certificate. */
export class Server {
  readonly #options: Options;
  readonly #apps: TemplatedApp[] = [];
  #listening: us_listen_socket | undefined;
  #certificate: Certificate | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Starts to serve; resolves with the port.
   * @throws ListenError where the port is taken
   */
  async listen(host: string, port: number, certificate: Certificate | undefined): Promise<number> {
    await checkPort(host, port);
    this.#certificate = certificate;
    const open = await this.#listenWith(host, port, certificate);
    const { logger } = this.#options;
    certificate?.watch(
      async () => {
        const before = this.#listening;
        await this.#listenWith(host, open, certificate);
        // Who is connected stays; who comes is served with the new certificate.
        if (before !== undefined) us_listen_socket_close(before);
        logger.info('serving with a new certificate');
      },
      (error) => logger.warn({ err: error }, 'the new certificate cannot be used'),
    );
    return open;
  }

  close(): void {
    this.#certificate?.unwatch();
    if (this.#listening !== undefined) us_listen_socket_close(this.#listening);
    for (const app of this.#apps) app.close();
  }

  /** Answers a request that has failed. */
  fail(reply: Reply, error: unknown): void {
    const known = knownError(error);
    this.#options.rejected(known?.code ?? 'internal');
    if (known === undefined) this.#options.logger.error({ err: error }, 'a request failed');
    reply.error(known?.code ?? 'unavailable', known?.message ?? 'an internal error; it is in the log');
  }

  async #listenWith(host: string, port: number, certificate: Certificate | undefined): Promise<number> {
    const app =
      certificate === undefined
        ? App()
        : SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile });
    this.#register(app);
    this.#apps.push(app);
    this.#options.sockets.addApp(app);
    return new Promise((resolve, reject) => {
      app.listen(host, port, (socket) => {
        if (socket === false) {
          reject(new ListenError(`cannot listen on ${host}:${port}`));
          return;
        }
        this.#listening = socket;
        resolve(us_socket_local_port(socket));
      });
    });
  }

  #register(app: TemplatedApp): void {
    const { routes, syncRoute, repoRoute, controlRoutes, metricsText, metricsType, description } = this.#options;
    const replyTo = (res: HttpResponse) => new Reply(res);
    app.get('/healthz', (res) => new Reply(res).json('{"status":"ok"}'));
    app.get('/readyz', (res) => this.#ready(new Reply(res)));
    app.get('/openapi.json', (res) => new Reply(res).json(description));
    app.get('/metrics', (res) => {
      const reply = new Reply(res);
      void metricsText().then((text) => reply.text(text, metricsType));
    });
    for (const route of routes) {
      const method = route.method === 'delete' ? 'del' : route.method;
      app[method](route.path.replace('{id}', ':id'), (res, req) => this.#answer(route, res, req));
    }
    syncRoute.register(app, replyTo);
    repoRoute?.register(app, replyTo);
    controlRoutes?.register(app);
    app.any('/*', (res) => new Reply(res).error('not_found', 'there is no such route'));
  }

  #ready(reply: Reply): void {
    const { problems, notes } = this.#options.readiness();
    if (problems.length > 0) reply.error('unavailable', problems.join('; '));
    else reply.json(JSON.stringify({ status: 'ready', ...(notes.length > 0 && { notes }) }));
  }

  #answer(route: Route, res: HttpResponse, req: HttpRequest): void {
    const facts = readRequest(req);
    const reply = new Reply(res);
    // A body arrives whether or not it is wanted yet: listen before anything else.
    const body = route.body === undefined ? Promise.resolve('') : readBody(res, this.#options.maxMessageBytes);
    body.catch(() => undefined);
    void this.#admit(route, { facts, body, isWanted: () => !reply.aborted }).then(
      (text) => reply.json(text),
      (error: unknown) => this.fail(reply, error),
    );
  }

  async #admit(route: Route, request: Omit<PodRequest, 'access'>): Promise<string | Buffer> {
    const { facts } = request;
    const { gate } = this.#options;
    if (route.of === 'pod') {
      const access = await gate.admitToPod(facts, route.scope);
      return route.handle({ ...request, access });
    }
    const { workspace, access } = await gate.admit(facts, route.scope);
    return route.handle({ ...request, workspace, access });
  }
}

function knownError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  const passing = [ShardDownError, StreamUnavailableError, BusyError, QuarantinedError];
  const isPassing = passing.some((kind) => error instanceof kind) && error instanceof Error;
  return isPassing ? new HttpError('unavailable', error.message) : undefined;
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
