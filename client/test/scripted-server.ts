import { once } from 'node:events';
import { type ClientFrame, clientFrame, type ServerFrame } from '@etherply/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

/** Stands for a pod where a test needs what a pod cannot be made to do: says only what the test says. */
export class ScriptedServer {
  readonly #server: WebSocketServer;
  readonly #peers: Peer[] = [];
  #wake: (() => void)[] = [];

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket, request) => {
      const [, token = ''] = (request.headers['sec-websocket-protocol'] ?? '').split(/, ?/);
      this.#peers.push(new Peer(socket, new URL(request.url ?? '', 'ws://test'), token));
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  static async start(): Promise<ScriptedServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new ScriptedServer(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return `ws://127.0.0.1:${address.port}`;
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    for (;;) {
      const peer = this.#peers.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  stop(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}

/** One connection of a client. */
export class Peer {
  readonly url: URL;
  readonly token: string;
  readonly #socket: WebSocket;
  readonly #frames: ClientFrame[] = [];
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket, url: URL, token: string) {
    this.#socket = socket;
    this.url = url;
    this.token = token;
    socket.on('message', (data) => {
      // Throws where the client breaks the contract.
      this.#frames.push(clientFrame.parse(JSON.parse(String(data))));
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  /** The first frame of a connection. */
  init(data: Record<string, unknown> = {}, { heads = ['h0'], expires_at = null as number | null } = {}): void {
    this.send({ type: 'init', data, ...this.#about(heads, expires_at) });
  }

  delta(ops: readonly unknown[], heads: readonly string[]): void {
    this.send({ type: 'delta', ops, ...this.#about(heads, null) });
  }

  ack(ids: readonly (string | undefined)[], heads: readonly string[] = ['h1']): void {
    this.send({ type: 'ack', ids, count: ids.length, heads, durability: 'local' });
  }

  send(frame: { type: ServerFrame['type']; [member: string]: unknown } | string): void {
    this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The next frame of the client, which is of this type. */
  async take<T extends ClientFrame['type']>(type: T): Promise<Extract<ClientFrame, { type: T }>> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame?.type === type) return frame as Extract<ClientFrame, { type: T }>;
      if (frame !== undefined) throw new Error(`got ${JSON.stringify(frame)} while waiting for ${type}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  #about(heads: readonly string[], expires_at: number | null) {
    return {
      heads,
      workspace_id: 'w',
      strategy: 'automerge',
      session_id: 'me',
      user_id: 'alice',
      scopes: ['read', 'write'],
      expires_at,
    };
  }
}
