import type { Envelope } from './message.ts';

/** Messages sent on a connection that the server has not answered; more than this wait, so that it is never flooded. */
const MAX_IN_FLIGHT = 1000;

/** Messages that the server has not answered, in the order in which they were made. */
export class SendQueue<E extends Envelope> {
  /** Sent on this connection. Older than all in `#unsent`. */
  readonly #inFlight = new Map<string, E>();
  #unsent = new Map<string, E>();

  get size(): number {
    return this.#inFlight.size + this.#unsent.size;
  }

  add(envelope: E): void {
    this.#unsent.set(envelope.message.id, envelope);
  }

  /** Messages of an earlier run, before any was sent in this one. */
  restore(envelopes: readonly E[]): void {
    this.#unsent = new Map([...envelopes.map((one) => [one.message.id, one] as const), ...this.#unsent]);
  }

  /** There is another connection: what is not answered is sent on it, from the first one on. */
  restart(): void {
    this.#unsent = new Map([...this.#inFlight, ...this.#unsent]);
    this.#inFlight.clear();
  }

  /** The next message to send now, which counts as sent. */
  next(): E | undefined {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return undefined;
    for (const [id, envelope] of this.#unsent) {
      this.#unsent.delete(id);
      this.#inFlight.set(id, envelope);
      return envelope;
    }
    return undefined;
  }

  /** The server has answered. Returns the message, or undefined where none of this id is waiting. */
  take(id: string): E | undefined {
    const envelope = this.#inFlight.get(id) ?? this.#unsent.get(id);
    this.#inFlight.delete(id);
    this.#unsent.delete(id);
    return envelope;
  }

  /** Takes all that are left. */
  drain(): E[] {
    this.restart();
    const all = [...this.#unsent.values()];
    this.#unsent.clear();
    return all;
  }

  /** The id of the longest message in flight. */
  largest(): string | undefined {
    return [...this.#inFlight.values()].sort((a, b) => b.frame.length - a.frame.length)[0]?.message.id;
  }
}
