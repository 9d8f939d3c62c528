import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** What a request came to. */
export interface Served {
  readonly pod: string;
  readonly url: string;
  readonly forwardedFor: string | undefined;
}

/** Answers every path as a sync pod would answer some: for what the router does with requests. */
export class StandInPod {
  readonly name: string;
  readonly address: string;
  readonly #server: Server;
  isReady = true;
  /** All paths that were asked for, but for /readyz. */
  readonly asked: string[] = [];

  private constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
    this.#server = createServer((request, response) => {
      const { url = '' } = request;
      if (url === '/readyz' && request.headers.host === 'sync-pod') {
        response.writeHead(this.isReady ? 200 : 503).end();
        return;
      }
      this.asked.push(url);
      const forwardedFor = request.headers['x-forwarded-for'];
      response.end(JSON.stringify({ pod: name, url, forwardedFor }));
    });
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on('connection', (socket) => {
      socket.send(name);
      socket.on('message', (data) => socket.send(data));
    });
  }

  /** @param port 0: any */
  static async start(name: string, address: string, port: number): Promise<StandInPod> {
    const pod = new StandInPod(name, address);
    pod.#server.listen(port, address);
    await once(pod.#server, 'listening');
    return pod;
  }

  get port(): number {
    const address = this.#server.address();
    if (!isInfo(address)) throw new Error(`${this.name} does not listen`);
    return address.port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function isInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
