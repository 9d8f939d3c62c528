import { constants } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import { type ApiAnswer, customMetrics, failure } from './custom-metrics.ts';
import { type FrontProxy, refusalOf } from './front-proxy.ts';
import type { PodMetrics } from './pod-metrics.ts';

interface Options {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** Files in PEM; they may be replaced at any time. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly metrics: PodMetrics;
  readonly frontProxy: FrontProxy | undefined;
  /** So often it is looked whether the files have been replaced. */
  readonly reloadMs?: number;
  /** The files cannot be used; those before are. */
  readonly failed: (error: unknown) => void;
}

const REQUEST_MS = 10_000;

/** Serves custom.metrics.k8s.io to the API server, and to nobody else. `/healthz` is for everybody. */
export class MetricsApiServer {
  readonly #options: Options;
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  #frontProxy: FrontProxy | undefined;
  #pair: { readonly cert: string; readonly key: string };

  private constructor(options: Options, pair: { cert: string; key: string }) {
    this.#options = options;
    this.#frontProxy = options.frontProxy;
    this.#pair = pair;
    this.#server = createServer(
      {
        ...this.#context(),
        // Who shows none is answered, too: `/healthz`, and why not.
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        requestTimeout: REQUEST_MS,
      },
      (request, response) => {
        const { status, body } = this.#answer(request.socket, request.method ?? '', request.url ?? '');
        request.resume();
        response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        response.end(JSON.stringify(body));
      },
    );
    this.#server.headersTimeout = REQUEST_MS;
    this.#timer = setInterval(() => void this.#reload(), options.reloadMs ?? 10_000);
    this.#timer.unref();
  }

  /** Resolves when it serves. @throws where the files cannot be used, or the port is taken */
  static async start(options: Options): Promise<MetricsApiServer> {
    const started = new MetricsApiServer(options, await readPair(options));
    started.#server.listen(options.port, options.host);
    await once(started.#server, 'listening');
    return started;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** From now on this is the API server. */
  trust(frontProxy: FrontProxy | undefined): void {
    if (JSON.stringify(frontProxy) === JSON.stringify(this.#frontProxy)) return;
    this.#frontProxy = frontProxy;
    this.#server.setSecureContext(this.#context());
    // They were let in by what held before.
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  #answer(socket: unknown, method: string, url: string): ApiAnswer {
    if (url === '/healthz') return { status: 200, body: { status: 'ok' } };
    const refusal = socket instanceof TLSSocket ? refusalOf(socket, this.#frontProxy) : 401;
    if (refusal === 401) return failure(401, 'Unauthorized', 'only the API server is answered, with its certificate');
    if (refusal === 403) return failure(403, 'Forbidden', 'the certificate is not that of the API server');
    try {
      return customMetrics(method, url, this.#options.metrics, new Date());
    } catch (error) {
      this.#options.failed(error);
      return failure(500, 'InternalError', 'the operator has failed: look at its log');
    }
  }

  #context() {
    const { ca } = this.#frontProxy ?? {};
    // Without an authority those of Node.js would be trusted: then nobody is asked in.
    return { ...this.#pair, ca: ca ?? [], secureOptions: constants.SSL_OP_NO_TICKET };
  }

  async #reload(): Promise<void> {
    try {
      const pair = await readPair(this.#options);
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
      const before = this.#pair;
      this.#pair = pair;
      try {
        this.#server.setSecureContext(this.#context());
      } catch (error) {
        this.#pair = before;
        throw error;
      }
    } catch (error) {
      this.#options.failed(error);
    }
  }
}

/** @throws where one cannot be read, or is empty, as while it is written: Node.js would take that for no certificate at all */
async function readPair({ certFile, keyFile }: Options): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([certFile, keyFile].map((file) => readFile(file, 'utf8')));
  if (!cert || !key) throw new Error(`${cert ? keyFile : certFile} is empty`);
  return { cert, key };
}
