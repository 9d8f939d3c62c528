import type { Message } from '../message.ts';
import type { Outbox } from './outbox.ts';

/** Keeps messages for as long as the program runs; may be handed to another client when its own is closed. */
export function memoryOutbox(): Outbox {
  const messages = new Map<string, Message>();
  return {
    async load() {
      return [...messages.values()];
    },
    async put(message) {
      messages.set(message.id, message);
    },
    async remove(ids) {
      for (const id of ids) messages.delete(id);
    },
    async close() {},
  };
}
