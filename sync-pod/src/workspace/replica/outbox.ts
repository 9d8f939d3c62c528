import type { WorkspaceId } from '@etherply/protocol';
import { type Stream, StreamUnavailableError } from '../../replication/stream.ts';
import { messageId } from './message-id.ts';
import type { UnpublishedBudget } from './unpublished-budget.ts';

interface Entry {
  /** Of its record in the log. */
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly id: string;
  isSent: boolean;
  isPublished: boolean;
}

interface Edge {
  readonly budget: UnpublishedBudget;
  /** The stream has more of them. */
  readonly published: () => void;
  readonly failed: (error: unknown) => void;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2000;

/**
 * The records of a workspace on their way into the stream, in the order in which they were committed. They stay in the log
 * at least until the stream has them, so that the log is what a pod that starts again takes them from.
 */
export class Outbox {
  readonly #workspace: WorkspaceId;
  readonly #stream: Stream;
  readonly #edge: Edge;
  /** The first is not published; those after it may be. */
  #entries: Entry[] = [];
  /** Sent, and not seen in the stream since. */
  #sent: Set<string> | undefined;
  /** One could not be sent: those after it wait, so that the order stays. */
  #isStalled = false;
  #retryMs = FIRST_RETRY_MS;
  #retry: NodeJS.Timeout | undefined;
  #waiters: { readonly position: number; readonly resolve: () => void }[] = [];

  constructor(workspace: WorkspaceId, stream: Stream, edge: Edge) {
    this.#workspace = workspace;
    this.#stream = stream;
    this.#edge = edge;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether the stream has the record at this position, and those before. */
  isPublished(position: number): boolean {
    const [first] = this.#entries;
    return first === undefined || first.position > position;
  }

  /** Up to which position, of those up to `last`, the stream has all records. */
  publishedUpTo(last: number): number {
    const [first] = this.#entries;
    return first === undefined ? last : Math.min(last, first.position - 1);
  }

  /** A record is durable here: off it goes. */
  add(position: number, bytes: Uint8Array): void {
    const entry = { position, bytes, id: messageId(this.#workspace, bytes), isSent: false, isPublished: false };
    this.#entries.push(entry);
    this.#edge.budget.add(bytes.length);
    if (!this.#isStalled) this.#send(entry);
  }

  /** Is to be seen in the stream; true, once, where it was sent by this pod. */
  isEcho(id: string): boolean {
    const isEcho = this.#sent?.delete(id) === true;
    // Most workspaces rest, and there are many of them.
    if (this.#sent?.size === 0) this.#sent = undefined;
    return isEcho;
  }

  /** It is published by somebody else than this outbox, and will be seen. */
  expectEcho(id: string): void {
    this.#sent ??= new Set();
    this.#sent.add(id);
  }

  /** Sends again what could not be sent. */
  resume(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#isStalled = false;
    for (const entry of [...this.#entries]) if (!entry.isSent && !this.#isStalled) this.#send(entry);
  }

  /** Resolves when the stream has the record at this position, and all before; false where that takes longer. */
  whenPublished(position: number, patienceMs: number): Promise<boolean> {
    if (this.isPublished(position)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = {
        position,
        resolve: () => {
          clearTimeout(timer);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        resolve(false);
      }, patienceMs);
      this.#waiters.push(waiter);
    });
  }

  /** Forgets all: they are of no use any more, or are read from disk again. */
  clear(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#isStalled = false;
    for (const { bytes } of this.#entries) this.#edge.budget.remove(bytes.length);
    this.#entries = [];
    this.#wake();
  }

  #send(entry: Entry): void {
    entry.isSent = true;
    this.expectEcho(entry.id);
    this.#stream.publish(this.#workspace, entry).then(
      () => this.#published(entry),
      (error: unknown) => this.#unsent(entry, error),
    );
  }

  #published(entry: Entry): void {
    entry.isPublished = true;
    this.#retryMs = FIRST_RETRY_MS;
    const end = this.#entries.findIndex(({ isPublished }) => !isPublished);
    const published = this.#entries.splice(0, end === -1 ? this.#entries.length : end);
    if (published.length === 0) return;
    for (const { bytes } of published) this.#edge.budget.remove(bytes.length);
    this.#wake();
    this.#edge.published();
  }

  #wake(): void {
    for (const { resolve } of this.#waiters.filter(({ position }) => this.isPublished(position))) resolve();
    this.#waiters = this.#waiters.filter(({ position }) => !this.isPublished(position));
  }

  /** It may be in after all: it is sent again under the same id. */
  #unsent(entry: Entry, error: unknown): void {
    entry.isSent = false;
    if (!this.#entries.includes(entry)) return; // forgotten since
    if (!(error instanceof StreamUnavailableError)) this.#edge.failed(error);
    this.#isStalled = true;
    // Once the stream can be reached again, `resume` is called at once; this is for when it could, and did not take it.
    this.#retry ??= setTimeout(() => this.resume(), this.#retryMs * (0.5 + Math.random()));
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }
}
