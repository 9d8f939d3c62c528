import { randomUUID } from 'node:crypto';
import { copySubjectOf } from '@etherply/stream';
import type { Logger } from 'pino';
import { FullCopy } from './replication/full-copy.ts';
import type { JetStream } from './replication/jetstream.ts';
import type { NatsClient } from './replication/nats-client.ts';
import type { PodConsumer } from './replication/pod-consumer.ts';
import { request, serve } from './replication/requests.ts';
import { StreamUnavailableError } from './replication/stream.ts';
import { ShardDownError } from './storage/supervised-shard.ts';
import { NotCommittedError } from './workspace/turn/turns.ts';
import { type CopyAnswer, CopyService, decodeCopyAnswer, encodeCopyAnswer } from './workspaces/copy-service.ts';
import type { Replicas } from './workspaces/replicas.ts';

interface Parts {
  readonly cluster: string;
  readonly nats: NatsClient;
  readonly stream: JetStream;
  readonly consumer: PodConsumer;
  readonly replicas: Replicas;
  readonly logger: Logger;
}

/** So often a pod that lacks something asks how far it is. */
const ASK_MS = 500;

/** Keeps a full copy of everything on this pod, and gives one to pods that have none. */
export class RunningFullCopy {
  readonly #parts: Parts;
  readonly #copy: FullCopy;
  readonly #service: CopyService;
  #endService: (() => void)[] = [];
  #isAsking = false;
  /** Counts interruptions: a copy has to come in one go. */
  #session = 0;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { consumer, replicas, stream } = parts;
    const failed = (error: unknown) => this.#failed(error);
    this.#copy = new FullCopy(consumer, {
      takeIn: (id, sequence) => replicas.takeIn(id, sequence),
      failed,
      // To ask for the facts finds out what is gone, and makes it again.
      interrupted: () => void stream.facts().catch(failed),
    });
    this.#service = new CopyService(consumer.podId, {
      publish: () => replicas.publishCopy(),
      last: async () => (await stream.facts()).lastSequence,
      failed,
    });
  }

  /** The stream can be reached, and what is here has been compared with it. */
  start(): void {
    if (this.#isClosed) return;
    this.#copy.start();
    if (!this.#isAsking) void this.#getCopy();
  }

  /** The stream cannot be reached, and may be another one when it can. */
  stop(): void {
    this.#session += 1;
    this.#copy.stop();
    this.#endServing();
  }

  close(): void {
    this.#isClosed = true;
    this.stop();
  }

  async #getCopy(): Promise<void> {
    this.#isAsking = true;
    this.#endServing();
    const { consumer } = this.#parts;
    let copy = { name: randomUUID(), session: this.#session };
    let answer: CopyAnswer | undefined;
    while (!this.#isClosed && consumer.isComplete !== true) {
      if (copy.session !== this.#session) {
        // What an earlier copy brought may not be all.
        copy = { name: randomUUID(), session: this.#session };
        answer = undefined;
      }
      answer = await this.#ask(copy.name, answer).catch((error: unknown) => {
        this.#failed(error);
        return undefined; // another pod may answer
      });
      const isHere = answer?.upTo != null && (await this.#hasAll(answer.upTo));
      if (isHere && copy.session === this.#session) await consumer.complete().catch((error) => this.#failed(error));
      await new Promise((resolve) => setTimeout(resolve, ASK_MS).unref());
    }
    this.#isAsking = false;
    if (!this.#isClosed && this.#parts.stream.isConnected) this.#serve();
  }

  /** Begins a copy or asks how far it is; gives what the pod that makes it said last. */
  async #ask(name: string, before: CopyAnswer | undefined): Promise<CopyAnswer> {
    if (before?.upTo != null) return before;
    const { nats, cluster, consumer } = this.#parts;
    await consumer.completeAsFirst();
    return decodeCopyAnswer(await request(nats, copySubjectOf(cluster, before?.pod), Buffer.from(name)));
  }

  #hasAll(upTo: number): Promise<boolean> {
    return this.#parts.consumer.hasAll(upTo).catch((error: unknown) => {
      this.#failed(error);
      return false;
    });
  }

  #serve(): void {
    const { nats, cluster, consumer } = this.#parts;
    const answer = async (bytes: Uint8Array) => encodeCopyAnswer(this.#service.ask(Buffer.from(bytes).toString()));
    const failed = (error: unknown) => this.#failed(error);
    this.#endServing();
    this.#endService = [copySubjectOf(cluster), copySubjectOf(cluster, consumer.podId)].map((subject) =>
      serve(nats, subject, answer, failed),
    );
  }

  #endServing(): void {
    for (const end of this.#endService.splice(0)) end();
  }

  #failed(error: unknown): void {
    const { logger } = this.#parts;
    const isPassing = [StreamUnavailableError, ShardDownError, NotCommittedError].some((kind) => error instanceof kind);
    if (isPassing) logger.debug({ err: error }, 'what the stream has cannot be taken in now');
    else logger.error({ err: error }, 'what the stream has cannot be taken in');
  }
}
