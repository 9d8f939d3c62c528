import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { ApiUnavailableError } from './api-error.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Aborts the call and what is read of its answer. */
  readonly signal?: AbortSignal;
}

/** So many requests are under way at once; more wait for one of these. Watches have connections of their own. */
const MAX_SOCKETS = 16;
/** TCP asks so often whether the other side is still there. */
const KEEP_ALIVE_MS = 30_000;

/** HTTPS to the API server, as whom a kubeconfig says. Tokens and certificates in files are read again when they change. */
export class HttpsTransport {
  readonly #config: KubeConfig;
  readonly #requests = new Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: MAX_SOCKETS });
  readonly #watches = new Agent({ keepAlive: false });

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  /**
   * Resolves when the headers of the answer are there.
   * @throws ApiUnavailableError
   */
  async send(call: Call): Promise<IncomingMessage> {
    try {
      return await this.#sendOnce(call);
    } catch (error) {
      if (!(error instanceof StaleConnectionError) || call.method === 'POST') throw error;
      return this.#sendOnce(call);
    }
  }

  /** As `send`, on a connection of its own, for an answer that does not end. */
  async open(call: Call): Promise<IncomingMessage> {
    return this.#sendOnce(call, this.#watches);
  }

  close(): void {
    this.#requests.destroy();
    this.#watches.destroy();
  }

  async #sendOnce({ method, path, headers, body, signal }: Call, agent = this.#requests): Promise<IncomingMessage> {
    const cluster = this.#config.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig has no current context with a cluster');
    // Node does not say how long the body of a DELETE is, and the server would take it for the next request.
    const length = body !== undefined && { 'content-length': Buffer.byteLength(body) };
    const options: RequestOptions = { method, headers: { ...headers, ...length } };
    await this.#config.applyToHTTPSOptions(options);
    // It has made an agent, whose connections nobody would use again; only that of a proxy is needed.
    if (cluster.proxyUrl === undefined) options.agent = agent;
    if (signal !== undefined) options.signal = signal;
    return new Promise((resolve, reject) => {
      const outgoing = request(`${cluster.server.replace(/\/$/, '')}${path}`, options, resolve);
      outgoing.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      outgoing.once('error', (cause: NodeJS.ErrnoException) => {
        const isStale = outgoing.reusedSocket && cause.code === 'ECONNRESET';
        const message = `${method} ${path}: ${signal?.aborted ? signal.reason : cause.message}`;
        reject(new (isStale ? StaleConnectionError : ApiUnavailableError)(message, { cause }));
      });
      outgoing.end(body);
    });
  }
}

/** The server had closed the connection before it got the request: https://nodejs.org/api/http.html#requestreusedsocket */
class StaleConnectionError extends ApiUnavailableError {}
