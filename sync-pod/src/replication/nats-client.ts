import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';

interface Observer {
  /** At first, or again. */
  readonly connected: (connection: NatsConnection) => void;
  readonly disconnected: () => void;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
const LOST = 'the connection to NATS is lost';

/** A connection to NATS that is there sooner or later, and comes back whenever it is lost. */
export class NatsClient {
  readonly #observers: Observer[] = [];
  /** Asked for before there was a connection. */
  readonly #waiting = new Set<() => void>();
  #connection: NatsConnection | undefined;
  #problem: string | undefined = 'NATS has not been reached yet';
  #isClosed = false;

  /** @param connect as `natsConnector` gives it; it is called again until it succeeds */
  constructor(connect: () => Promise<NatsConnection>) {
    void this.#connect(connect);
  }

  /** Undefined until it has been reached once. */
  get connection(): NatsConnection | undefined {
    return this.#connection;
  }

  /** Why there is no connection now, in words for whoever runs it; undefined where there is one. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Told of every connection from now on. */
  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  /**
   * Every message on a subject, as long as there is a connection. Gives what ends it.
   * @param queue of those with the same queue one gets each message
   */
  subscribe(subject: string, received: (message: Msg) => void, queue?: string): () => void {
    let subscription: Subscription | undefined;
    let isEnded = false;
    const start = () => {
      if (isEnded) return;
      subscription = this.#connection?.subscribe(subject, {
        ...(queue !== undefined && { queue }),
        callback: (error, message) => {
          if (error === null) received(message); // what is lost is missed by whoever needs it
        },
      });
    };
    if (this.#connection === undefined) this.#waiting.add(start);
    else start();
    return () => {
      isEnded = true;
      this.#waiting.delete(start);
      subscription?.unsubscribe();
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.close();
  }

  async #connect(connect: () => Promise<NatsConnection>): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !this.#isClosed; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        const connection = await connect();
        if (this.#isClosed) return connection.close();
        this.#connected(connection);
        return this.#follow(connection);
      } catch (error) {
        this.#problem = `NATS cannot be reached: ${error instanceof Error ? error.message : error}`;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random())).unref());
    }
  }

  #connected(connection: NatsConnection): void {
    this.#connection = connection;
    this.#problem = undefined;
    for (const start of this.#waiting) start();
    this.#waiting.clear();
    for (const { connected } of this.#observers) connected(connection);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    /** What the server has said since the last attempt to connect. */
    let reason: string | undefined;
    for await (const status of connection.status()) {
      if (status.type === 'error') reason = `NATS cannot be reached: ${status.error.message}`;
      else if (status.type === 'reconnect') this.#connected(connection);
      else if (status.type === 'reconnecting') {
        this.#problem = reason ?? LOST;
        reason = undefined;
      } else if (status.type === 'disconnect') {
        this.#problem = reason ?? LOST;
        for (const { disconnected } of this.#observers) disconnected();
      }
    }
  }
}
