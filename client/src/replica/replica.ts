import type { Json, OpEvent } from '@etherply/protocol';
import type { Message } from '../message.ts';
import { jsonEqual } from './json-equal.ts';

/** A write that waits for its ack; no value: a deletion. */
interface PendingWrite {
  readonly id: string;
  readonly value: Json | undefined;
}

/**
 * A workspace as this client sees it: what the server has confirmed, and over it what this client wrote and the server has
 * not answered yet, in the order in which it was written. What changes it says which keys hold something else now.
 */
export class Replica {
  readonly #confirmed = new Map<string, Json>();
  #pending = new Map<string, Message>();
  /** The writes of pending messages by key, oldest first; never an empty array. */
  readonly #overlay = new Map<string, PendingWrite[]>();

  /** What the server has, as far as it told. */
  get confirmed(): ReadonlyMap<string, Json> {
    return this.#confirmed;
  }

  get(key: string): Json | undefined {
    const writes = this.#overlay.get(key);
    return writes === undefined ? this.#confirmed.get(key) : writes.at(-1)?.value;
  }

  *entries(): IterableIterator<[string, Json]> {
    for (const key of this.#confirmed.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
    for (const [key, writes] of this.#overlay) {
      const value = writes.at(-1)?.value;
      if (value !== undefined && !this.#confirmed.has(key)) yield [key, value];
    }
  }

  /** The whole state came. */
  reset(data: { readonly [key: string]: Json }): string[] {
    const entries = Object.entries(data);
    return this.#changing(new Set([...this.#confirmed.keys(), ...entries.map(([key]) => key)]), () => {
      this.#confirmed.clear();
      for (const [key, value] of entries) this.#confirmed.set(key, value);
    });
  }

  /** Others wrote. */
  apply(ops: readonly OpEvent[]): string[] {
    return this.#changing(keysOf(ops), () => this.#confirm(ops));
  }

  /** This client wrote. */
  write(message: Message): string[] {
    return this.#changing(keysOf(message.ops), () => this.#lay(message));
  }

  /** Messages of an earlier run come before those of this one. */
  restore(messages: readonly Message[]): string[] {
    const all = new Map([...messages, ...this.#pending.values()].map((message) => [message.id, message]));
    return this.#changing(keysOf(messages.flatMap(({ ops }) => ops)), () => {
      this.#pending = new Map();
      this.#overlay.clear();
      for (const message of all.values()) this.#lay(message);
    });
  }

  /** The server took the message: here is its place among the ops of all. */
  acked(id: string): string[] {
    const message = this.#pending.get(id);
    if (message === undefined) return [];
    return this.#changing(keysOf(message.ops), () => {
      this.#lift(message);
      this.#confirm(message.ops);
    });
  }

  /** The server refused the message; `authoritative` says what a key holds instead, where it told. */
  dropped(id: string | undefined, authoritative: readonly OpEvent[] = []): string[] {
    const message = id === undefined ? undefined : this.#pending.get(id);
    return this.#changing(keysOf([...(message?.ops ?? []), ...authoritative]), () => {
      if (message !== undefined) this.#lift(message);
      this.#confirm(authoritative);
    });
  }

  #confirm(ops: readonly OpEvent[]): void {
    for (const op of ops) {
      if ('value' in op) this.#confirmed.set(op.key, op.value);
      else this.#confirmed.delete(op.key);
    }
  }

  #lay(message: Message): void {
    this.#pending.set(message.id, message);
    for (const op of message.ops) {
      const write = { id: message.id, value: 'value' in op ? op.value : undefined };
      const writes = this.#overlay.get(op.key);
      if (writes === undefined) this.#overlay.set(op.key, [write]);
      else writes.push(write);
    }
  }

  #lift({ id, ops }: Message): void {
    this.#pending.delete(id);
    for (const key of keysOf(ops)) {
      const left = this.#overlay.get(key)?.filter((write) => write.id !== id) ?? [];
      if (left.length === 0) this.#overlay.delete(key);
      else this.#overlay.set(key, left);
    }
  }

  #changing(keys: ReadonlySet<string>, act: () => void): string[] {
    const before = [...keys].map((key) => [key, this.get(key)] as const);
    act();
    return before.filter(([key, value]) => !jsonEqual(value, this.get(key))).map(([key]) => key);
  }
}

function keysOf(ops: readonly OpEvent[]): ReadonlySet<string> {
  return new Set(ops.map(({ key }) => key));
}
