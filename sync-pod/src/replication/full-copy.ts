import type { WorkspaceId } from '@etherply/protocol';
import { workspaceOf } from '@etherply/stream';
import type { JsMsg } from '@nats-io/jetstream';
import type { PodConsumer } from './pod-consumer.ts';

interface Edge {
  /**
   * Makes the messages of a workspace durable here.
   * @param sequence the number of the last one that is known
   * @returns the number up to which they are
   */
  readonly takeIn: (workspace: WorkspaceId, sequence: number) => Promise<number>;
  readonly failed: (error: unknown) => void;
  /** Messages cannot be asked for: the consumer or the stream may be gone. */
  readonly interrupted: () => void;
}

/** So many workspaces are opened at once. */
const PARALLEL = 8;
/** So many messages are asked for at once, and so many may wait before more are. */
const BATCH = 512;
const EXPIRES_MS = 5000;
/** A workspace that cannot take its messages in is tried again after so long; the others go on. */
const NAK_MS = 2000;
const RETRY_MS = 500;

/** A message, and when it was received. */
interface Received {
  readonly message: JsMsg;
  readonly session: number;
}

/** Follows the stream for all workspaces, also those that nobody has open, and acks what is durable here. */
export class FullCopy {
  readonly #consumer: PodConsumer;
  readonly #edge: Edge;
  /** Counts from `start` to `stop`: an ack names a number, which in another session may be that of another message. */
  #session = 0;
  #isFollowing = false;
  /** Those with messages that wait, the longest waiting first. */
  readonly #waiting = new Map<WorkspaceId, Received[]>();
  readonly #underWay = new Set<WorkspaceId>();
  /** Messages that wait or are being taken in. */
  #count = 0;
  #wake: (() => void) | undefined;

  constructor(consumer: PodConsumer, edge: Edge) {
    this.#consumer = consumer;
    this.#edge = edge;
  }

  /** Begins, or goes on after `stop`. */
  start(): void {
    this.stop();
    this.#isFollowing = true;
    void this.#follow(this.#session);
  }

  /** Acks nothing any more that has been received: it is delivered again. */
  stop(): void {
    this.#session += 1;
    this.#isFollowing = false;
    for (const received of this.#waiting.values()) this.#count -= received.length;
    this.#waiting.clear();
    this.#wake?.();
  }

  async #follow(session: number): Promise<void> {
    while (this.#isIn(session)) {
      try {
        await this.#followBatch(session);
      } catch {
        if (!this.#isIn(session)) return;
        this.#edge.interrupted();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  async #followBatch(session: number): Promise<void> {
    const consumer = await this.#consumer.open();
    if (!this.#isIn(session)) return;
    for await (const message of await consumer.fetch({ max_messages: BATCH, expires: EXPIRES_MS })) {
      if (!this.#isIn(session)) return;
      this.#received({ message, session });
    }
    while (this.#isIn(session) && this.#count >= BATCH) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #isIn(session: number): boolean {
    return this.#isFollowing && session === this.#session;
  }

  #received(received: Received): void {
    const { message } = received;
    const workspace = workspaceOf(message.subject);
    if (workspace === undefined) {
      message.term('no workspace has this subject');
      return;
    }
    const waiting = this.#waiting.get(workspace);
    if (waiting === undefined) this.#waiting.set(workspace, [received]);
    else waiting.push(received);
    this.#count += 1;
    this.#next();
  }

  #next(): void {
    for (const [workspace, received] of this.#waiting) {
      if (this.#underWay.size >= PARALLEL) return;
      if (this.#underWay.has(workspace)) continue;
      this.#waiting.delete(workspace);
      this.#underWay.add(workspace);
      void this.#takeIn(workspace, received);
    }
  }

  async #takeIn(workspace: WorkspaceId, received: readonly Received[]): Promise<void> {
    let upTo = 0;
    try {
      upTo = await this.#edge.takeIn(workspace, Math.max(...received.map(({ message }) => message.seq)));
    } catch (error) {
      this.#edge.failed(error);
    }
    this.#underWay.delete(workspace);
    this.#count -= received.length;
    for (const { message, session } of received) {
      if (!this.#isIn(session)) continue;
      if (message.seq <= upTo) message.ack();
      else message.nak(NAK_MS);
    }
    this.#wake?.();
    this.#next();
  }
}
