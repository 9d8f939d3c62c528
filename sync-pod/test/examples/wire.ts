import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire between a client and a pod, that can be made to lose what one of them sends. */
export class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Whose bytes are lost. */
  loses: 'nothing' | 'requests' | 'answers' = 'nothing';
  /** Bytes that were lost since the wire was made. */
  lost = 0;

  private constructor(podPort: () => number) {
    this.#server = createServer((client) => {
      const pod = connect(podPort(), '127.0.0.1');
      this.#pass(client, pod, 'requests');
      this.#pass(pod, client, 'answers');
    });
  }

  /** @param podPort where the pod is at the moment */
  static async open(podPort: () => number): Promise<Wire> {
    const wire = new Wire(podPort);
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the wire has no port');
    return `ws://127.0.0.1:${address.port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pass(from: Socket, to: Socket, what: 'requests' | 'answers'): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      if (this.loses === what) this.lost += chunk.byteLength;
      else to.write(chunk);
    });
    from.on('error', () => undefined); // `close` follows
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
