import { jetstream, StorageType } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import type { NatsClient } from './nats-client.ts';
import { StreamUnavailableError } from './stream.ts';

/** What is too large for a message: an object under the id of the message that names it. */
export class PayloadStore {
  readonly #nats: NatsClient;
  readonly #bucket: string;
  readonly #replicas: number;
  readonly #domain: string | undefined;
  #store: Promise<ObjectStore> | undefined;

  /** @param domain the JetStream domain that it is in, where that is not the own one */
  constructor(
    nats: NatsClient,
    cluster: string,
    { replicas, domain }: { replicas: number; domain?: string | undefined },
  ) {
    this.#nats = nats;
    this.#bucket = `${cluster}-payloads`;
    this.#replicas = replicas;
    this.#domain = domain;
  }

  /** Keeps `bytes` for a message on `subject`; the same bytes under the same name may be kept by several at once. */
  async put(name: string, subject: string, bytes: Uint8Array): Promise<void> {
    const store = await this.#opened();
    await store.putBlob({ name, metadata: { subject } }, bytes);
  }

  async has(name: string): Promise<boolean> {
    const info = await (await this.#opened()).info(name);
    return info !== null && !info.deleted;
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return (await (await this.#opened()).getBlob(name)) ?? undefined;
  }

  /** The objects that were made before `ms` (Unix milliseconds), with the subject of the message that names each. */
  async olderThan(ms: number): Promise<{ readonly name: string; readonly subject: string }[]> {
    const found = await (await this.#opened()).list();
    return found.flatMap(({ name, mtime, deleted, metadata }) => {
      return deleted || Date.parse(mtime) >= ms ? [] : [{ name, subject: metadata?.subject ?? '' }];
    });
  }

  async delete(name: string): Promise<void> {
    await (await this.#opened()).delete(name);
  }

  /** The bucket may be gone: it is made again when it is needed. */
  forget(): void {
    this.#store = undefined;
  }

  /** @throws StreamUnavailableError */
  #opened(): Promise<ObjectStore> {
    const { connection } = this.#nats;
    if (connection === undefined) throw new StreamUnavailableError(this.#nats.problem);
    this.#store ??= new Objm(jetstream(connection, { ...(this.#domain !== undefined && { domain: this.#domain }) }))
      .create(this.#bucket, { storage: StorageType.File, replicas: this.#replicas })
      .catch((error: unknown) => {
        this.#store = undefined;
        throw error;
      });
    return this.#store;
  }
}
