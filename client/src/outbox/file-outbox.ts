import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Message } from '../message.ts';
import type { Outbox } from './outbox.ts';

type Line = { readonly put: Message } | { readonly remove: readonly string[] };

/** With fewer lines than this, those that no longer count are left where they are. */
const COMPACT_FROM_LINES = 1000;

/**
 * Keeps messages in a file, for Node: one JSON line for each message and each removal, synced to disk. One process at a time.
 * @param path of the file; one for each workspace and user. Its directory must exist
 */
export function fileOutbox(path: string): Outbox {
  return new FileOutbox(path);
}

class FileOutbox implements Outbox {
  readonly #path: string;
  readonly #messages = new Map<string, Message>();
  #file: FileHandle | undefined;
  /** Lines in the file; undefined where a write failed, and nobody knows. */
  #lines: number | undefined;
  #queue: string[] = [];
  /** The write that was started last. */
  #writing: Promise<void> = Promise.resolve();
  /** The write after it, which takes all that is in the queue by then. */
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<readonly Message[]> {
    for (const line of await linesOf(this.#path)) this.#take(line);
    // What a crash left of a line must not run into the next one: the file starts anew.
    await this.#rewrite();
    return [...this.#messages.values()];
  }

  put(message: Message): Promise<void> {
    return this.#append({ put: message });
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#append({ remove: ids });
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#writing).catch(() => undefined); // was told to those who wait for it
    await this.#file?.close();
    this.#file = undefined;
  }

  #take(line: Line): void {
    if ('put' in line) this.#messages.set(line.put.id, line.put);
    else for (const id of line.remove) this.#messages.delete(id);
  }

  #append(line: Line): Promise<void> {
    this.#take(line);
    this.#queue.push(`${JSON.stringify(line)}\n`);
    this.#next ??= this.#afterWriting();
    return this.#next;
  }

  async #afterWriting(): Promise<void> {
    await this.#writing.catch(() => undefined); // was told to those who wait for it
    this.#next = undefined;
    this.#writing = this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    if (this.#file === undefined) throw new Error(`the outbox ${this.#path} is not open`);
    const added = this.#queue.splice(0);
    const lines = this.#lines === undefined ? Number.POSITIVE_INFINITY : this.#lines + added.length;
    if (lines > Math.max(COMPACT_FROM_LINES, 2 * this.#messages.size)) {
      await this.#rewrite();
      return;
    }
    this.#lines = undefined;
    await this.#file.appendFile(added.join(''));
    await this.#file.datasync();
    this.#lines = lines;
  }

  /** Replaces the file, at one stroke, by one that has only what counts. */
  async #rewrite(): Promise<void> {
    const messages = [...this.#messages.values()];
    const file = await open(`${this.#path}.next`, 'w');
    try {
      await file.writeFile(messages.map((put) => `${JSON.stringify({ put })}\n`).join(''));
      await file.sync();
      await rename(`${this.#path}.next`, this.#path);
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#lines = messages.length;
  }
}

/** The lines of the file that are whole. Where there is no file, it makes an empty one. */
async function linesOf(path: string): Promise<Line[]> {
  const text = await readFile(path, { encoding: 'utf8', flag: 'a+' });
  // What follows the last line break is a line that was being written when the machine stopped.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
