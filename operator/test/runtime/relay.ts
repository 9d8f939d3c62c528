import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server, and may keep them apart. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isBlocked = false;

  private constructor(upstream: URL) {
    this.#server = createServer((socket) => {
      if (this.#isBlocked) socket.destroy();
      else this.#join(socket, createConnection(Number(upstream.port), upstream.hostname));
    });
  }

  /** @param upstream URL of the server, with its port */
  static async start(upstream: string): Promise<Relay> {
    const relay = new Relay(new URL(upstream));
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return address.port;
  }

  /** Ends all connections, and lets nobody through until `unblock`. */
  block(): void {
    this.#isBlocked = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  unblock(): void {
    this.#isBlocked = false;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.block();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
  }
}
