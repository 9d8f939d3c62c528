import { randomUUID } from 'node:crypto';
import { type Backoff, retryDelayMs } from './backoff.ts';
import { encode, type WebhookEvent } from './event.ts';
import { Fifo } from './fifo.ts';
import type { Outcome } from './outcome.ts';
import { type Message, post, type Receiver } from './request.ts';

export interface DispatcherOptions extends Receiver, Backoff {
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly maxAttempts: number;
  readonly now: () => number;
  readonly random: () => number;
}

/** Told of each event what becomes of it. */
export interface DispatcherEvents {
  /** Its first attempt begins; what is sent is what it holds when this returns. */
  begun(event: WebhookEvent): void;
  /** An attempt failed and another will follow. */
  retried(event: WebhookEvent, reason: string): void;
  delivered(event: WebhookEvent): void;
  /** It was given up. */
  failed(event: WebhookEvent, reason: string): void;
}

interface Delivery {
  readonly event: WebhookEvent;
  /** Made for the first attempt and the same in each, so that a receiver can tell a repetition. */
  message: Message | undefined;
  attempts: number;
}

/** Delivers events, some at a time, first come, first served. What waits for its retry takes nobody's place. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #events: DispatcherEvents;
  readonly #ready = new Fifo<Delivery>();
  readonly #retries = new Map<Delivery, NodeJS.Timeout>();
  readonly #underWay = new Set<AbortController>();
  #isTurnScheduled = false;
  /** On the clock of `performance`. */
  #deadline = Number.POSITIVE_INFINITY;
  #isAbandoned = false;

  constructor(options: DispatcherOptions, events: DispatcherEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Puts an event in the queue. */
  add(event: WebhookEvent): void {
    this.#enqueue({ event, message: undefined, attempts: 0 });
  }

  /** Makes all retries that wait now, and none that would come after a deadline. */
  hurry(deadlineMs: number): void {
    this.#deadline = performance.now() + deadlineMs;
    for (const [delivery, timer] of this.#retries) {
      clearTimeout(timer);
      this.#enqueue(delivery);
    }
    this.#retries.clear();
  }

  /** Ends all attempts and makes no more. Nothing is told of the events that are left. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#ready.clear();
    for (const timer of this.#retries.values()) clearTimeout(timer);
    this.#retries.clear();
    for (const controller of this.#underWay) controller.abort();
  }

  #enqueue(delivery: Delivery): void {
    this.#ready.add(delivery);
    this.#scheduleTurn();
  }

  /** A request is made in a turn of its own: whoever has an event does not pay for it. */
  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(() => {
      this.#isTurnScheduled = false;
      while (this.#underWay.size < this.#options.concurrency) {
        const delivery = this.#ready.take();
        if (delivery === undefined) return;
        void this.#attempt(delivery);
      }
    });
  }

  async #attempt(delivery: Delivery): Promise<void> {
    delivery.message ??= this.#begin(delivery.event);
    delivery.attempts += 1;
    const outcome = await this.#post(delivery.message);
    if (this.#isAbandoned) return;
    this.#conclude(delivery, outcome);
    this.#scheduleTurn();
  }

  #begin(event: WebhookEvent): Message {
    this.#events.begun(event);
    const id = randomUUID();
    return { id, type: event.type, body: encode(id, event) };
  }

  async #post(message: Message): Promise<Outcome> {
    const { timeoutMs, now } = this.#options;
    const controller = new AbortController();
    const timeout = setTimeout(
      () => controller.abort(new DOMException('The receiver took too long', 'TimeoutError')),
      timeoutMs,
    ).unref();
    this.#underWay.add(controller);
    try {
      return await post(this.#options, message, Math.floor(now() / 1000), controller.signal);
    } finally {
      clearTimeout(timeout);
      this.#underWay.delete(controller);
    }
  }

  #conclude(delivery: Delivery, outcome: Outcome): void {
    const { event, attempts } = delivery;
    if (outcome.kind === 'delivered') {
      this.#events.delivered(event);
      return;
    }
    const { maxAttempts, random } = this.#options;
    if (outcome.kind === 'refused' || attempts >= maxAttempts) {
      this.#events.failed(event, outcome.reason);
      return;
    }
    const delayMs = retryDelayMs(this.#options, attempts, outcome.retryAfterMs, random());
    if (performance.now() + delayMs >= this.#deadline) this.#events.failed(event, outcome.reason);
    else this.#retryIn(delayMs, delivery, outcome.reason);
  }

  #retryIn(delayMs: number, delivery: Delivery, reason: string): void {
    const timer = setTimeout(() => {
      this.#retries.delete(delivery);
      this.#enqueue(delivery);
    }, delayMs).unref();
    this.#retries.set(delivery, timer);
    this.#events.retried(delivery.event, reason);
  }
}
