import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

interface Options {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** Why the process is to be started again; undefined: it works. */
  readonly stuck: () => string | undefined;
  /** Why it does not work yet; undefined: it does, or it would if it were the leader. */
  readonly unready: () => string | undefined;
  readonly registry: Registry;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus. Nothing in them is secret. */
export class HealthServer {
  readonly #server: Server;

  private constructor(options: Options) {
    this.#server = createServer(async (request, response) => {
      request.resume();
      const { status, type, text } = await answerTo(request.url?.split('?')[0], options);
      response.writeHead(status, { 'content-type': type }).end(text);
    });
  }

  /** Resolves when it serves. @throws where the port is taken */
  static async start(options: Options): Promise<HealthServer> {
    const started = new HealthServer(options);
    started.#server.listen(options.port, options.host);
    await once(started.#server, 'listening');
    return started;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }
}

async function answerTo(path: string | undefined, { stuck, unready, registry }: Options): Promise<Answer> {
  if (path === '/healthz') return health(stuck());
  if (path === '/readyz') return health(unready());
  if (path === '/metrics') return { status: 200, type: registry.contentType, text: await registry.metrics() };
  return { status: 404, type: 'text/plain', text: 'there are /healthz, /readyz and /metrics\n' };
}

function health(problem: string | undefined): Answer {
  return { status: problem === undefined ? 200 : 503, type: 'text/plain', text: `${problem ?? 'ok'}\n` };
}
