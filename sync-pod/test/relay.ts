import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Has each be sent what the other one sends. */
type Pass = (server: Socket, client: Socket) => void;

const passAll: Pass = (server, client) => {
  server.pipe(client);
  client.pipe(server);
};

/** Stands between clients and a server, and may keep them apart. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #pass: Pass;
  #isBlocked = false;

  private constructor(upstreamPort: () => number, pass: Pass) {
    this.#pass = pass;
    this.#server = createServer((client) => {
      if (this.#isBlocked) client.destroy();
      else this.#join(client, createConnection(upstreamPort(), '127.0.0.1'));
    });
  }

  /** @param upstreamPort where the server is at the moment, on loopback */
  static async start(upstreamPort: () => number, pass = passAll): Promise<Relay> {
    const relay = new Relay(upstreamPort, pass);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return address.port;
  }

  /** Ends all connections; clients may connect again at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nobody through until `unblock`. */
  block(): void {
    this.#isBlocked = true;
    this.cut();
  }

  unblock(): void {
    this.#isBlocked = false;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    this.#pass(server, client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
