import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from '../protocols/protocol.ts';
import { type Message, RawClient } from '../raw-client.ts';

/** Is told what happens at a client. */
export interface LoadObserver {
  acked(client: LoadClient, dueAt: readonly number[]): void;
  delivered(client: LoadClient, writer: number, dueAt: number): void;
  seen(dueAt: number): void;
  closed(client: LoadClient): void;
}

/** A client of the load generator: a connection, and the writes that are on their way. */
export class LoadClient implements ClientEvents {
  readonly identity: ClientIdentity;
  /** Writes that may be sent since others were acked. */
  credit = 0;
  /** Whether it looks at what it receives when it is ready. */
  looks = true;
  /** When each write that waits was due. */
  #waiting: number[] = [];
  readonly #room: number;
  /** When each write without an ack was due, oldest first. */
  readonly #dueAt: number[] = [];
  readonly #observer: LoadObserver;
  readonly #port: number;
  readonly #query: string;
  #protocol: ProtocolClient;
  readonly #makeProtocol: () => ProtocolClient;
  #raw: RawClient | undefined;
  #unsent: Message[] = [];
  #isReady = false;
  #firstBytes = 0;
  #onReady: () => void = () => {};

  constructor(protocol: Protocol, identity: ClientIdentity, port: number, query: string, observer: LoadObserver) {
    this.identity = identity;
    this.#observer = observer;
    this.#room = protocol.beyondWindow === 'waits' ? protocol.window : Number.POSITIVE_INFINITY;
    this.#port = port;
    this.#query = query;
    this.#makeProtocol = () => protocol.client(identity, this);
    this.#protocol = this.#makeProtocol();
  }

  /** Resolves when it is ready, with the milliseconds that this took. */
  async connect(): Promise<number> {
    const begin = performance.now();
    const ready = new Promise<void>((resolve) => {
      this.#onReady = resolve;
    });
    this.#firstBytes = 0;
    const protocol = this.#protocol;
    const raw = await RawClient.connect(this.#port, protocol.path(this.#query), (frame) => {
      if (!this.#isReady) this.#firstBytes += frame.length;
      else if (!this.looks) return;
      protocol.receive(frame);
    });
    this.#raw = raw;
    raw.onClose(() => {
      if (this.#raw === raw) this.#observer.closed(this);
    });
    const first = [...protocol.hello(), ...this.#unsent];
    if (first.length > 0) raw.send(first);
    this.#unsent = [];
    await ready;
    return performance.now() - begin;
  }

  /** @param keep whether it connects again with what it has, where the protocol can */
  disconnect(keep: boolean): void {
    const raw = this.#raw;
    this.#raw = undefined;
    raw?.close();
    this.#isReady = false;
    this.#protocol = (keep ? this.#protocol.resume?.() : undefined) ?? this.#makeProtocol();
  }

  /** Bytes of frames that came until it was ready. */
  get firstBytes(): number {
    return this.#firstBytes;
  }

  fill(keys: number, valueBytes: number): void {
    const messages = this.#protocol.fill?.(keys, valueBytes);
    if (messages === undefined) throw new Error('there is no document to fill');
    this.#raw?.send(messages);
  }

  /** Sends so many writes at once; those that the protocol has no room for follow when others are acked. */
  write(count: number, dueAt: number): void {
    for (let i = 0; i < count; i += 1) this.#waiting.push(dueAt);
    this.#writeWaiting();
  }

  #writeWaiting(): void {
    const messages: Message[] = [];
    for (const dueAt of this.#waiting.splice(0, Math.max(0, this.#room - this.#dueAt.length))) {
      this.#dueAt.push(dueAt);
      const message = this.#protocol.write(dueAt);
      if (message !== undefined) messages.push(message);
    }
    if (messages.length > 0) this.#raw?.send(messages);
  }

  present(dueAt: number): void {
    const message = this.#protocol.present?.(dueAt);
    if (message === undefined) throw new Error('there is no presence');
    this.#raw?.send([message]);
  }

  ready(): void {
    this.#isReady = true;
    this.#onReady();
  }

  acked(count: number): void {
    this.credit += count;
    this.#observer.acked(this, this.#dueAt.splice(0, count));
    if (this.#waiting.length > 0) this.#writeWaiting();
  }

  delivered(writer: number, dueAt: number): void {
    this.#observer.delivered(this, writer, dueAt);
  }

  seen(dueAt: number): void {
    this.#observer.seen(dueAt);
  }

  send(message: Message): void {
    if (this.#raw === undefined) this.#unsent.push(message);
    else this.#raw.send([message]);
  }
}
