import { COMPLETE_KEY, isPodConsumer, LOSS_KEY, podConsumerOf } from '@etherply/stream';
import {
  AckPolicy,
  type Consumer,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { StreamUnavailableError } from './stream.ts';

interface Options {
  readonly cluster: string;
  readonly podId: string;
  /** For how long the stream keeps a message; infinite: for ever. */
  readonly maxAgeSeconds: number;
}

/** Messages that were delivered and are not acked; those of workspaces that cannot be read are among them. */
const MAX_ACK_PENDING = 16_384;

/**
 * The durable consumer of this pod: the stream keeps for it what the pod does not have yet. Whether the pod had all that was
 * in the stream before it is written on the consumer, so that it goes with it.
 */
export class PodConsumer {
  readonly podId: string;
  readonly #options: Options;
  readonly #name: string;
  #manager: JetStreamManager | undefined;
  #info: ConsumerInfo | undefined;

  constructor(options: Options) {
    this.podId = options.podId;
    this.#options = options;
    this.#name = podConsumerOf(options.podId);
  }

  /** When it was made, as the server says it; undefined until it is there. */
  get created(): string | undefined {
    return this.#info?.created;
  }

  /** The pod has all that the cluster has, but for what the stream still keeps for it. Undefined until that is known. */
  get isComplete(): boolean | undefined {
    return this.#info && isComplete(this.#info);
  }

  /** Makes it where it is not there. A pod whose messages have expired meanwhile begins again with another one. */
  async ensure(manager: JetStreamManager): Promise<void> {
    this.#manager = manager;
    const found = await this.#find(manager);
    const isExpired = found !== undefined && (await this.#isExpired(manager, found));
    if (isExpired) await manager.consumers.delete(this.#options.cluster, this.#name);
    this.#info = found === undefined || isExpired ? await this.#add(manager) : found;
    try {
      await this.#completeAsFirst(manager);
    } catch (error) {
      // Its files may have gone with those of a stream of the same name: only another one can be changed.
      if (error instanceof JetStreamApiError) await manager.consumers.delete(this.#options.cluster, this.#name);
      throw error;
    }
  }

  /** Where no pod has everything, the one that came first has all there is. @throws StreamUnavailableError */
  completeAsFirst(): Promise<void> {
    return this.#asked((manager) => this.#completeAsFirst(manager));
  }

  /** Says that the pod has everything now. @throws StreamUnavailableError */
  complete(): Promise<void> {
    return this.#asked((manager) => this.#complete(manager));
  }

  /** The losses that pods have found. @throws StreamUnavailableError where the consumer has been deleted, too */
  losses(): Promise<string[]> {
    return this.#asked(async (manager) => {
      await manager.consumers.info(this.#options.cluster, this.#name);
      const losses: string[] = [];
      for await (const { config } of manager.consumers.list(this.#options.cluster)) {
        const loss = config.metadata?.[LOSS_KEY];
        if (loss !== undefined) losses.push(loss);
      }
      return losses;
    });
  }

  /** Says that the stream lacks what it had. @throws StreamUnavailableError */
  tellLoss(loss: string): Promise<void> {
    return this.#asked((manager) => this.#note(manager, { [LOSS_KEY]: loss }));
  }

  /** Whether the pod has all messages up to this number. @throws StreamUnavailableError */
  hasAll(upTo: number): Promise<boolean> {
    return this.#asked(async (manager) => {
      const { ack_floor, num_pending, num_ack_pending } = await manager.consumers.info(
        this.#options.cluster,
        this.#name,
      );
      return ack_floor.stream_seq >= upTo || num_pending + num_ack_pending === 0;
    });
  }

  /** Gives the messages. @throws StreamUnavailableError */
  open(): Promise<Consumer> {
    return this.#asked((manager) => manager.jetstream().consumers.get(this.#options.cluster, this.#name));
  }

  async #completeAsFirst(manager: JetStreamManager): Promise<void> {
    if (this.isComplete) return;
    let first: ConsumerInfo | undefined;
    for await (const one of manager.consumers.list(this.#options.cluster)) {
      if (!isPodConsumer(one.name)) continue;
      if (isComplete(one)) return;
      if (first === undefined || isBefore(one, first)) first = one;
    }
    if (first?.name === this.#name) await this.#complete(manager);
  }

  #complete(manager: JetStreamManager): Promise<void> {
    return this.#note(manager, { [COMPLETE_KEY]: 'true' });
  }

  /** Writes something on it, besides what stands there. */
  async #note(manager: JetStreamManager, note: Record<string, string>): Promise<void> {
    const metadata = { ...this.#info?.config.metadata, ...note };
    this.#info = await manager.consumers.update(this.#options.cluster, this.#name, { ...this.#config, metadata });
  }

  get #config() {
    const { maxAgeSeconds } = this.#options;
    return {
      max_ack_pending: MAX_ACK_PENDING,
      // The workspaces read what they need themselves.
      headers_only: true,
      // Half: who is away for so long may have been behind before.
      ...(maxAgeSeconds !== Number.POSITIVE_INFINITY && { inactive_threshold: nanos(maxAgeSeconds * 500) }),
    };
  }

  #add(manager: JetStreamManager): Promise<ConsumerInfo> {
    return manager.consumers.add(this.#options.cluster, {
      durable_name: this.#name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ...this.#config,
    });
  }

  async #find(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
    try {
      return await manager.consumers.info(this.#options.cluster, this.#name);
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
      throw error;
    }
  }

  /** Where messages go by age, some may be gone that this pod has not acked; a false alarm costs a copy. */
  async #isExpired(manager: JetStreamManager, { ack_floor }: ConsumerInfo): Promise<boolean> {
    if (this.#options.maxAgeSeconds === Number.POSITIVE_INFINITY) return false;
    const { state } = await manager.streams.info(this.#options.cluster);
    return state.first_seq > ack_floor.stream_seq + 1;
  }

  async #asked<T>(work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    if (this.#manager === undefined) throw new StreamUnavailableError('the stream has not been reached yet');
    try {
      return await work(this.#manager);
    } catch (error) {
      throw new StreamUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}

function isComplete({ config }: ConsumerInfo): boolean {
  return config.metadata?.[COMPLETE_KEY] === 'true';
}

function isBefore(one: ConsumerInfo, other: ConsumerInfo): boolean {
  const [a, b] = [timeOf(one), timeOf(other)];
  return a < b || (a === b && one.name < other.name);
}

/** Fractions of a second have as many digits as they need: without the zone at the end they compare as text. */
function timeOf({ created }: ConsumerInfo): string {
  return created.replace(/Z$/, '');
}
