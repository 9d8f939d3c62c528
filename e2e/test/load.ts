import { type Client, connect, type Json } from '@etherply/client';
import { WebSocket } from 'ws';
import { until } from '../src/until.ts';

interface LoadOptions {
  readonly url: string;
  readonly token: string;
  readonly workspaces: readonly string[];
  /** Clients in each workspace. */
  readonly each?: number;
  /** Of each client. */
  readonly opsPerSecond?: number;
}

/** What was counted. */
export interface Counts {
  readonly sent: number;
  readonly acked: number;
  /** Acked, but not there in the end. */
  readonly lost: number;
  readonly reconnects: number;
  readonly seconds: number;
}

/** Writes one new key after the other, and keeps what was acked. */
class Writer {
  readonly workspace: string;
  readonly acked = new Set<string>();
  sent = 0;
  opened = 0;
  readonly failures: Error[] = [];
  readonly #client: Client;
  readonly #name: string;
  readonly #timer: NodeJS.Timeout;

  constructor(options: LoadOptions, workspace: string, name: string) {
    this.workspace = workspace;
    this.#name = name;
    const { url, token } = options;
    this.#client = connect({ url, workspace, token, WebSocket, backoff: { minMs: 100, maxMs: 2_000 } });
    this.#client.on('status', (status) => {
      if (status === 'open') this.opened += 1;
    });
    this.#timer = setInterval(() => this.#write(), 1_000 / (options.opsPerSecond ?? 5));
  }

  /** Resolves when everything that was sent is acked. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    const isDone = () => this.failures.length > 0 || this.acked.size === this.sent;
    await until(isDone, { what: `the acks of ${this.#name}`, timeoutMs: 120_000 });
    await this.#client.close();
  }

  async abandon(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.close();
  }

  get data(): Record<string, Json> {
    return this.#client.toJSON();
  }

  #write(): void {
    const key = `${this.#name}-${this.sent}`;
    this.sent += 1;
    this.#client.set(key, contentOf(key)).then(
      () => this.acked.add(key),
      (error) => this.failures.push(error),
    );
  }
}

/** Clients that write to workspaces through one address, as long as it goes on. */
export class Load {
  readonly #writers: readonly Writer[];
  readonly #started = performance.now();

  private constructor(writers: readonly Writer[]) {
    this.#writers = writers;
  }

  /** Resolves when all clients are connected. */
  static async start(options: LoadOptions): Promise<Load> {
    const writers = options.workspaces.flatMap((workspace) =>
      Array.from({ length: options.each ?? 2 }, (_, n) => new Writer(options, workspace, `client-${n}`)),
    );
    const load = new Load(writers);
    const areReady = () => writers.every(({ opened }) => opened > 0);
    await until(areReady, { what: 'the connections of all clients', timeoutMs: 60_000 }).catch(async (error) => {
      await load.abandon();
      throw error;
    });
    return load;
  }

  get acked(): number {
    return this.#writers.reduce((sum, { acked }) => sum + acked.size, 0);
  }

  /** Of the client that was disconnected most often. */
  get mostReconnects(): number {
    return Math.max(...this.#writers.map(({ opened }) => opened - 1));
  }

  /** Resolves when so many more ops have been acked. */
  async progressed(by: number): Promise<void> {
    const goal = this.acked + by;
    await until(() => this.acked >= goal, { what: `${by} more acks`, timeoutMs: 180_000 });
  }

  /** Resolves when all that was sent is acked. @throws where a client was refused */
  async end(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.end()));
    const [failure] = this.#writers.flatMap(({ failures }) => failures);
    if (failure !== undefined) throw failure;
  }

  /** Closes the clients, whatever has not come. */
  async abandon(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.abandon()));
  }

  /** What a workspace must hold by what was acked. */
  of(workspace: string): Record<string, string> {
    const acked = this.#writers.filter((writer) => writer.workspace === workspace).flatMap((one) => [...one.acked]);
    return Object.fromEntries(acked.map((key) => [key, contentOf(key)]));
  }

  /** @param lost acked ops that are not there */
  counts(lost: number): Counts {
    const sum = (of: (writer: Writer) => number) => this.#writers.reduce((total, writer) => total + of(writer), 0);
    return {
      sent: sum((writer) => writer.sent),
      acked: this.acked,
      lost,
      reconnects: sum((writer) => writer.opened - 1),
      seconds: Math.round((performance.now() - this.#started) / 1000),
    };
  }
}

function contentOf(key: string): string {
  return `value of ${key}`;
}
