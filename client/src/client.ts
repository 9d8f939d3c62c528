import type { Durability, Json, OpEvent, PresenceEntry, ServerFrame } from '@etherply/protocol';
import { Connection, type Status } from './connection/connection.ts';
import { TokenSource } from './connection/token-source.ts';
import type { WebSocketConstructor } from './connection/web-socket.ts';
import { Emitter } from './emitter.ts';
import { EtherPlyError, type EtherPlyErrorCode, textOf } from './error.ts';
import type { Change, ClientEvents } from './events.ts';
import { type Envelope, enclose, MessageFactory, type Write } from './message.ts';
import type { ClientOptions } from './options.ts';
import { memoryOutbox } from './outbox/memory-outbox.ts';
import type { Outbox } from './outbox/outbox.ts';
import { Replica } from './replica/replica.ts';
import { ResumePoint } from './replica/resume-point.ts';
import { Roster } from './replica/roster.ts';
import { SendQueue } from './send-queue.ts';

/** The server's word that a write is durable. */
export interface Ack {
  readonly heads: readonly string[];
  /** `local`: on the disk of its pod; `replicated`: on other machines, too. */
  readonly durability: Durability;
}

/** The writes of one transaction, as a function gathers them. */
export interface Transaction {
  set(key: string, value: Json): void;
  delete(key: string): void;
}

/** A message with those who wait for its answer; nobody where it is of an earlier run. */
interface Delivery extends Envelope {
  readonly resolve?: (ack: Ack) => void;
  readonly reject?: (error: EtherPlyError) => void;
}

type StateFrame = Extract<ServerFrame, { type: 'init' | 'delta' }>;

declare const addEventListener: ((type: string, listener: () => void) => void) | undefined;
declare const removeEventListener: (type: string, listener: () => void) => void;

/** One workspace as this user sees and writes it, online or not. Made by `connect`. */
export class Client {
  readonly #replica = new Replica();
  readonly #resumePoint = new ResumePoint();
  readonly #roster = new Roster();
  readonly #queue = new SendQueue<Delivery>();
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #messages: MessageFactory;
  readonly #tokens: TokenSource;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #maxPending: number;
  readonly #ready: Promise<void>;
  /** The messages of an earlier run are in, or cannot be had. */
  readonly #loaded: Promise<void>;
  readonly #wake = () => this.#connection.wake();
  #becomeReady: () => void = () => undefined;
  #failReady: (error: EtherPlyError) => void = () => undefined;
  #session: Pick<StateFrame, 'session_id' | 'user_id' | 'scopes' | 'strategy'> | undefined;
  #ownPresence: { readonly payload: Json; readonly status?: string } | undefined;
  /** Why it is closed; undefined while it is not. */
  #end: EtherPlyError | undefined;
  #outboxClosed: Promise<void> = Promise.resolve();

  constructor(options: ClientOptions) {
    const { outbox = memoryOutbox(), maxPending = 10_000, maxMessageBytes = 2 ** 20 } = options;
    this.#outbox = outbox;
    this.#maxPending = maxPending;
    this.#messages = new MessageFactory(maxMessageBytes);
    this.#tokens = new TokenSource(options.token);
    this.#ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#failReady = reject;
    });
    this.#ready.catch(() => undefined); // who does not ask is told by the event
    this.#connection = new Connection(
      {
        url: () => urlOf(options, this.#resumePoint.reached),
        tokens: this.#tokens,
        WebSocket: options.WebSocket ?? globalWebSocket(),
        backoff: options.backoff ?? {},
        heartbeat: options.heartbeat ?? {},
        random: options.random ?? Math.random,
      },
      {
        received: (frame) => this.#received(frame),
        changed: (status) => this.#statusChanged(status),
        failed: (error) => this.#emitter.emit('error', error),
        tooLarge: () => this.#dropLargest(),
        ended: (error) => this.#finish(error, error),
      },
    );
    if (typeof addEventListener === 'function') addEventListener('online', this.#wake);
    this.#loaded = this.#load();
  }

  get status(): Status {
    return this.#connection.status;
  }

  /** What the server named last; opaque. */
  get heads(): readonly string[] {
    return this.#resumePoint.latest;
  }

  /** How the workspace merges; undefined before the first connection, like the three below. */
  get strategy(): string | undefined {
    return this.#session?.strategy;
  }

  get userId(): string | undefined {
    return this.#session?.user_id;
  }

  /** Of the latest connection. */
  get sessionId(): string | undefined {
    return this.#session?.session_id;
  }

  get scopes(): readonly string[] | undefined {
    return this.#session?.scopes;
  }

  /** Messages that the server has not answered. */
  get pendingCount(): number {
    return this.#queue.size;
  }

  /** What the server has, without the writes that it has not answered. */
  get confirmed(): ReadonlyMap<string, Json> {
    return this.#replica.confirmed;
  }

  /** The other sessions, by session id; while there is no connection, those that were there last. */
  get presence(): ReadonlyMap<string, PresenceEntry> {
    return this.#roster.others;
  }

  /** What a key holds, with this client's own writes; undefined for nothing. Do not change it: write another value. */
  get(key: string): Json | undefined {
    return this.#replica.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  entries(): IterableIterator<[string, Json]> {
    return this.#replica.entries();
  }

  toJSON(): Record<string, Json> {
    return Object.fromEntries(this.entries());
  }

  /**
   * Writes a value, which is seen here at once. Like `delete` and `transact`, resolves when the server has made it durable, and
   * rejects with an `EtherPlyError` where it refuses it, where it cannot be sent, or with `closed`. Nobody has to wait for it.
   */
  set(key: string, value: Json): Promise<Ack> {
    return this.transact([{ key, value }]);
  }

  delete(key: string): Promise<Ack> {
    return this.transact([{ key, deleted: true }]);
  }

  /** Writes all or nothing. */
  transact(writes: readonly Write[] | ((transaction: Transaction) => void)): Promise<Ack> {
    const acked = new Promise<Ack>((resolve, reject) => {
      const all = typeof writes === 'function' ? gather(writes) : writes;
      if (this.#end !== undefined) throw this.#end;
      if (this.#queue.size >= this.#maxPending) {
        throw new EtherPlyError('too_many_pending', `${this.#maxPending} writes wait for their acks`);
      }
      this.#write({ ...this.#messages.make(all), resolve, reject });
    });
    acked.catch(() => undefined); // who does not wait is told by the event
    return acked;
  }

  /** Calls the listener at each event from now on. Returns what ends that. */
  on<E extends keyof ClientEvents>(event: E, listener: (event: ClientEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  /** Tells the others something of this session, now and after each reconnect. Without a status the one before stays. */
  setPresence(payload: Json, status?: string): void {
    this.#ownPresence = { ...this.#ownPresence, payload, ...(status === undefined ? {} : { status }) };
    if (this.status === 'open') this.#sendPresence();
  }

  /** Gets another token and has it take over; resolves when it is sent. @throws EtherPlyError `token_failed` */
  async refreshToken(): Promise<void> {
    const token = await this.#tokens.get();
    if (this.status === 'open') this.#connection.send({ type: 'auth', token });
  }

  /** Resolves when the state has come for the first time, rejects when the client is closed before. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /**
   * Ends the connection for good. Writes without an ack are rejected with `closed` but stay in the outbox.
   * Resolves when the outbox has kept them.
   */
  close(): Promise<void> {
    if (this.#end === undefined) {
      this.#connection.close();
      this.#finish(new EtherPlyError('closed', 'the client was closed'), undefined);
    }
    return this.#outboxClosed;
  }

  async #load(): Promise<void> {
    try {
      const messages = await this.#outbox.load();
      if (this.#end !== undefined) return;
      for (const { ops } of messages) this.#messages.saw(ops);
      this.#queue.restore(messages.map(enclose));
      this.#changed(this.#replica.restore(messages), 'local', this.userId);
    } catch (error) {
      this.#outboxFailed(error);
    }
    if (this.#end === undefined) this.#connection.start();
  }

  /** Has the outbox do something, in order. */
  #keep(act: (outbox: Outbox) => Promise<void>): Promise<void> {
    return this.#loaded.then(() => act(this.#outbox)).catch((error) => this.#outboxFailed(error));
  }

  #write(delivery: Delivery): void {
    const { message } = delivery;
    void this.#keep((outbox) => outbox.put(message));
    const keys = this.#replica.write(message);
    this.#queue.add(delivery);
    this.#send();
    this.#changed(keys, 'local', this.userId);
  }

  #send(): void {
    if (this.status !== 'open') return;
    for (let next = this.#queue.next(); next !== undefined; next = this.#queue.next())
      this.#connection.send(next.frame);
  }

  #sendPresence(): void {
    if (this.#ownPresence !== undefined) this.#connection.send({ type: 'presence', ...this.#ownPresence });
  }

  #statusChanged(status: Status): void {
    if (status === 'open') {
      this.#queue.restart();
      this.#send();
      this.#sendPresence();
      this.#becomeReady();
    }
    this.#emitter.emit('status', status);
  }

  #received(frame: ServerFrame): void {
    switch (frame.type) {
      case 'init':
        this.#began(frame);
        this.#changed(this.#replica.reset(frame.data), 'remote', undefined);
        return;
      case 'delta':
        this.#began(frame);
        this.#applied(frame.ops, undefined);
        return;
      case 'op':
        this.#applied([frame.payload], frame.user_id);
        return;
      case 'ops':
        this.#resumePoint.advance(frame.heads);
        this.#applied(frame.payload, frame.user_id);
        return;
      case 'ack':
        this.#resumePoint.advance(frame.heads);
        this.#acked(frame.ids, { heads: frame.heads, durability: frame.durability });
        return;
      case 'reject': {
        this.#resumePoint.advance(frame.heads);
        const { id, key, code, message } = frame;
        const held: OpEvent =
          'value' in frame ? { key, value: frame.value, timestamp: 0 } : { key, deleted: true, timestamp: 0 };
        this.#refused(id, new EtherPlyError(code, message, { key }), [held]);
        return;
      }
      case 'error':
        // What came too fast was not taken, and what is unavailable may have been: it is sent again on the next connection.
        if (frame.code === 'too_fast' || frame.code === 'unavailable') {
          this.#emitter.emit('error', errorOf(frame.code, frame.payload));
          if (frame.code === 'unavailable') this.#connection.reconnect();
        } else this.#refused(frame.id, errorOf(frame.code, frame.payload), []);
        return;
      case 'presence': {
        const change = this.#roster.take(frame, this.sessionId);
        if (change.joined.length + change.updated.length + change.left.length > 0) {
          this.#emitter.emit('presence', change);
        }
        return;
      }
      case 'auth':
        this.#tokenEnds(frame.expires_at);
    }
  }

  #began(frame: StateFrame): void {
    const { session_id, user_id, scopes, strategy, heads } = frame;
    this.#session = { session_id, user_id, scopes, strategy };
    this.#resumePoint.reset(heads);
    this.#tokenEnds(frame.expires_at);
  }

  #tokenEnds(expiresAt: number | null): void {
    this.#tokens.expires(expiresAt, () => {
      // Where this fails, the server ends the connection with the token, and the next one asks again.
      this.refreshToken().catch((error) => this.#emitter.emit('error', error));
    });
  }

  #applied(ops: readonly OpEvent[], userId: string | undefined): void {
    this.#messages.saw(ops);
    this.#changed(this.#replica.apply(ops), 'remote', userId);
  }

  #acked(ids: readonly string[], ack: Ack): void {
    const keys = new Set<string>();
    for (const id of ids) {
      for (const key of this.#replica.acked(id)) keys.add(key);
      this.#queue.take(id)?.resolve?.(ack);
    }
    this.#forget(ids);
    this.#send();
    this.#changed([...keys], 'remote', this.userId);
  }

  /** The server refused a message, or something else where no message has this id. */
  #refused(id: string | undefined, error: EtherPlyError, held: readonly OpEvent[]): void {
    const delivery = id === undefined ? undefined : this.#queue.take(id);
    const keys = this.#replica.dropped(id, held);
    if (delivery === undefined) this.#emitter.emit('error', error);
    else {
      this.#forget([delivery.message.id]);
      delivery.reject?.(error);
      this.#emitter.emit('rejected', { message: delivery.message, error });
      this.#send();
    }
    this.#changed(keys, 'remote', undefined);
  }

  /** One message in flight was longer than the server takes, so the longest was. It would end each connection. */
  #dropLargest(): void {
    const id = this.#queue.largest();
    if (id !== undefined) this.#refused(id, new EtherPlyError('too_large', 'the server takes no message so long'), []);
  }

  #forget(ids: readonly string[]): void {
    if (ids.length > 0) void this.#keep((outbox) => outbox.remove(ids));
  }

  #finish(end: EtherPlyError, told: EtherPlyError | undefined): void {
    this.#end = end;
    this.#outboxClosed = this.#keep((outbox) => outbox.close());
    if (typeof addEventListener === 'function') removeEventListener('online', this.#wake);
    this.#failReady(end);
    for (const { reject } of this.#queue.drain()) reject?.(end);
    this.#emitter.emit('status', 'closed');
    this.#emitter.emit('closed', told);
  }

  #outboxFailed(cause: unknown): void {
    this.#emitter.emit('error', new EtherPlyError('outbox_failed', textOf(cause), { cause }));
  }

  #changed(keys: readonly string[], origin: Change['origin'], userId: string | undefined): void {
    // The server writes as nobody what it tells again.
    if (keys.length > 0) this.#emitter.emit('change', { keys, origin, userId: userId === '' ? undefined : userId });
  }
}

function gather(act: (transaction: Transaction) => void): Write[] {
  const writes: Write[] = [];
  act({
    set: (key, value) => void writes.push({ key, value }),
    delete: (key) => void writes.push({ key, deleted: true }),
  });
  return writes;
}

/** @param payload `code: text` */
function errorOf(code: EtherPlyErrorCode, payload: string): EtherPlyError {
  const prefix = `${code}: `;
  return new EtherPlyError(code, payload.startsWith(prefix) ? payload.slice(prefix.length) : payload);
}

function urlOf({ url, workspace }: ClientOptions, heads: readonly string[]): string {
  const base = url.replace(/^http/, 'ws').replace(/\/+$/, '');
  const query = heads.length === 0 ? '' : `?heads=${heads.map(encodeURIComponent).join(',')}`;
  return `${base}/v1/sync/${encodeURIComponent(workspace)}${query}`;
}

function globalWebSocket(): WebSocketConstructor {
  if (typeof WebSocket === 'undefined') {
    throw new TypeError('there is no global WebSocket: give one as an option, such as that of the package ws');
  }
  return WebSocket;
}
