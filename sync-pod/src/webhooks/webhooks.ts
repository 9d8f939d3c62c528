import type { WorkspaceId } from '@etherply/protocol';
import { Coalescer } from './coalescer.ts';
import { Dispatcher } from './dispatcher.ts';
import { type Commit, DocUpdated, type EventType, type WebhookEvent } from './event.ts';

const DEFAULTS = {
  timeoutMs: 10_000,
  maxQueued: 10_000,
  concurrency: 4,
  coalesceMs: 1000,
  maxAttempts: 8,
  firstRetryMs: 500,
  lastRetryMs: 60_000,
  now: () => Date.now(),
  random: () => Math.random(),
};

/** Told of what happens to events, for metrics and logs. Must not throw. */
export interface WebhookObserver {
  delivered(type: EventType): void;
  /**
   * An event was given up.
   * @param reason that of the last attempt, one of few: `http_<status>`, `timeout`, `ECONNREFUSED` or another code of Node's,
   *   `network`; or `closed` where time ran out in `close`
   */
  failed(type: EventType, reason: string): void;
  /** An attempt failed, and another one will be made. */
  retried(type: EventType, reason: string): void;
  /** An event was not taken: the queue is full or closed. */
  dropped(type: EventType): void;
}

export interface WebhooksOptions {
  /** Where events go: http or https, without user and password. */
  readonly url: string;
  /** Signs each request. */
  readonly secret: string;
  readonly observer: WebhookObserver;
  /** For one attempt, from the connection to the end of the answer's body. 10,000 by default. */
  readonly timeoutMs?: number;
  /** How many events are held at most, in whatever state: gathering, waiting, under way, waiting for a retry. 10,000 by default. */
  readonly maxQueued?: number;
  /** How many requests are under way at most. 4 by default. */
  readonly concurrency?: number;
  /** For how long commits of a workspace become one event. 1,000 by default. */
  readonly coalesceMs?: number;
  /** How often an event is tried at most. 8 by default. */
  readonly maxAttempts?: number;
  /** The bound of the delay after the first attempt; it doubles with each. 500 by default. */
  readonly firstRetryMs?: number;
  /** The bound of every delay, also of what a receiver asks for. 60,000 by default. */
  readonly lastRetryMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** A session of a client in a workspace. */
export interface ClientFacts {
  readonly workspaceId: WorkspaceId;
  readonly userId: string;
  readonly sessionId: string;
}

/**
 * Tells a receiver over HTTP what happens; `docs/webhooks.md` says what it sees. Each event is taken or dropped at once, in
 * O(1): no caller waits for the receiver or sees it fail. When the queue is full, new events are dropped and those that were
 * taken stay: so an event that was taken is always tried, and there is nothing to look for where time is short.
 */
export class Webhooks {
  readonly #maxQueued: number;
  readonly #now: () => number;
  readonly #observer: WebhookObserver;
  readonly #updates: Coalescer;
  readonly #dispatcher: Dispatcher;
  readonly #held = new Set<WebhookEvent>();
  #closing: Promise<void> | undefined;
  #emptied: (() => void) | undefined;

  /** @throws TypeError where nothing can be sent to the URL, or there is no secret */
  constructor(options: WebhooksOptions) {
    const settings = { ...DEFAULTS, ...options };
    requireUsable(settings);
    const { observer } = settings;
    this.#maxQueued = settings.maxQueued;
    this.#now = settings.now;
    this.#observer = observer;
    this.#dispatcher = new Dispatcher(settings, {
      begun: (event) => {
        if (event instanceof DocUpdated) this.#updates.begin(event);
      },
      retried: ({ type }, reason) => observer.retried(type, reason),
      delivered: (event) => {
        observer.delivered(event.type);
        this.#settled(event);
      },
      failed: (event, reason) => {
        observer.failed(event.type, reason);
        this.#settled(event);
      },
    });
    this.#updates = new Coalescer(settings.coalesceMs, (update) => this.#dispatcher.add(update));
  }

  /** How many events are held, in whatever state. */
  get queued(): number {
    return this.#held.size;
  }

  /** A client has come. */
  connected(client: ClientFacts): void {
    this.#tell('client.connected', client, {});
  }

  /**
   * A client has gone.
   * @param client its session, and the code that closed its socket
   */
  disconnected(client: ClientFacts & { readonly code: number }): void {
    this.#tell('client.disconnected', client, { code: client.code });
  }

  /** A commit is durable. Cheap enough to be called for each. */
  updated(commit: Commit): void {
    const time = this.#now();
    if (this.#closing === undefined && this.#updates.merge(commit, time)) return;
    if (!this.#hasRoom('doc.updated')) return;
    const update = new DocUpdated(commit, time);
    this.#held.add(update);
    this.#updates.open(update);
  }

  /**
   * Takes no more events, sends the gathered ones at once, and tries to deliver all that are held. Resolves when that is
   * done, or when the deadline has passed; what is under way then is aborted, and what is left given up.
   * @param deadlineMs from now
   */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#updates.flush();
    this.#dispatcher.hurry(deadlineMs);
    if (this.#held.size > 0) {
      await new Promise<void>((resolve) => {
        // Unlike the other timers it keeps the process alive: there would be no later for what waits for a retry.
        const deadline = setTimeout(resolve, deadlineMs);
        this.#emptied = () => {
          clearTimeout(deadline);
          resolve();
        };
      });
    }
    this.#dispatcher.abandon();
    for (const { type } of this.#held) this.#observer.failed(type, 'closed');
    this.#held.clear();
  }

  #tell(type: EventType, { workspaceId, userId, sessionId }: ClientFacts, more: Record<string, unknown>): void {
    if (!this.#hasRoom(type)) return;
    const data = { user_id: userId, session_id: sessionId, ...more };
    const event: WebhookEvent = { type, workspaceId, time: this.#now(), data };
    this.#held.add(event);
    this.#dispatcher.add(event);
  }

  #hasRoom(type: EventType): boolean {
    const hasRoom = this.#closing === undefined && this.#held.size < this.#maxQueued;
    if (!hasRoom) this.#observer.dropped(type);
    return hasRoom;
  }

  #settled(event: WebhookEvent): void {
    this.#held.delete(event);
    if (event instanceof DocUpdated) this.#updates.settled(event);
    if (this.#held.size === 0) this.#emptied?.();
  }
}

function requireUsable({ url, secret }: { readonly url: string; readonly secret: string }): void {
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('the URL of webhooks is not http or https');
  // `fetch` would refuse each request.
  if (username !== '' || password !== '') throw new TypeError('the URL of webhooks has a user or a password');
  if (secret === '') throw new TypeError('webhooks need a secret');
}
