import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { connect, type NatsConnection, TimeoutError } from '@nats-io/transport-node';
import type { Predecessor } from '../../src/replication/stream.ts';
import { headersOf } from '../../src/replication/stream-message.ts';

/** What a stream holds, as an administrator sees it. */
export class StreamView {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #cluster: string;

  private constructor(connection: NatsConnection, manager: JetStreamManager, cluster: string) {
    this.#connection = connection;
    this.#manager = manager;
    this.#cluster = cluster;
  }

  static async open(url: string, cluster = 'etherply'): Promise<StreamView> {
    const connection = await connect({ servers: url });
    return new StreamView(connection, await jetstreamManager(connection), cluster);
  }

  /** How many messages of a workspace there are. */
  async messages(workspace: string): Promise<number> {
    const subject = `${this.#cluster}.ops.${workspace}.${workspace}`;
    const { state } = await asked(() => this.#manager.streams.info(this.#cluster, { subjects_filter: subject }));
    return state.subjects?.[subject] ?? 0;
  }

  /** How many messages there are of all workspaces. */
  async count(): Promise<number> {
    return (await asked(() => this.#manager.streams.info(this.#cluster))).state.messages;
  }

  /** How many pods have a full copy of everything. */
  async completePods(): Promise<number> {
    const all = await asked(() => this.#manager.consumers.list(this.#cluster).next());
    return all.filter(({ config }) => config.metadata?.['etherply-complete'] === 'true').length;
  }

  /** How many messages there are that some pod has not taken in, counted for each pod. */
  async lacking(): Promise<number> {
    const all = await asked(() => this.#manager.consumers.list(this.#cluster).next());
    return all.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0);
  }

  async deleteMessage(sequence: number): Promise<void> {
    await this.#manager.streams.deleteMessage(this.#cluster, sequence);
  }

  /** Publishes a message that stands for all of a workspace up to `after`, and leaves those in the stream. */
  async summarize(
    workspace: string,
    { id, after }: { readonly id: string; readonly after: Predecessor },
  ): Promise<void> {
    const bytes = Buffer.from('a summary');
    const hdrs = headersOf({ id, bytes, rollup: 'summary', after }, undefined, false);
    const subject = `${this.#cluster}.ops.${workspace}.${workspace}`;
    await jetstream(this.#connection).publish(subject, bytes, { msgID: id, headers: hdrs });
  }

  async deleteConsumer(name: string): Promise<void> {
    await this.#manager.consumers.delete(this.#cluster, name);
  }

  /** The names of the objects that large messages name. */
  async objects(): Promise<string[]> {
    const store = await new Objm(this.#connection).open(`${this.#cluster}-payloads`);
    return (await store.list()).flatMap(({ name, deleted }) => (deleted ? [] : [name]));
  }

  /** Removes what the objects consist of, and leaves what is known of them. */
  async removePieces(): Promise<void> {
    const bucket = `${this.#cluster}-payloads`;
    await this.#manager.streams.purge(`OBJ_${bucket}`, { filter: `$O.${bucket}.C.>` });
  }

  async deleteStream(): Promise<void> {
    await this.#manager.streams.delete(this.#cluster);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Asks again where there is no answer: the nats-server may have been killed after it was asked. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}
