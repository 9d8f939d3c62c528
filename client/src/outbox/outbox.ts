import type { Message } from '../message.ts';

/**
 * Keeps messages that the server has not answered, so that a later run of the program sends them. One client at a time uses
 * it, for one workspace and one user. Calls may overlap; they take effect in the order in which they were made.
 */
export interface Outbox {
  /** What is in it, oldest first. Called once, before anything else. */
  load(): Promise<readonly Message[]>;
  /** Resolves when the message is kept. */
  put(message: Message): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
  /** Nothing more will come. Resolves when all that did come is kept. */
  close(): Promise<void>;
}
