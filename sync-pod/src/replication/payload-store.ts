import { makePayloadBucket, openPayloadBucket } from '@etherply/stream';
import type { ObjectResult, ObjectStore } from '@nats-io/obj';
import { deadline, type NatsConnection } from '@nats-io/transport-node';
import type { NatsClient } from './nats-client.ts';
import { StreamUnavailableError } from './stream.ts';

/** For so long the next piece of an object may take. */
const PIECE_MS = 5000;

/** What is too large for a message: an object under the id of the message that names it. */
export class PayloadStore {
  readonly #nats: NatsClient;
  readonly #open: (connection: NatsConnection) => Promise<ObjectStore>;
  #store: Promise<ObjectStore> | undefined;

  private constructor(nats: NatsClient, open: (connection: NatsConnection) => Promise<ObjectStore>) {
    this.#nats = nats;
    this.#open = open;
  }

  /** Whose bucket this pod makes when it is first needed. */
  static made(nats: NatsClient, bucket: { cluster: string; replicas: number }): PayloadStore {
    return new PayloadStore(nats, (connection) => makePayloadBucket(connection, bucket));
  }

  /** Whose bucket somebody else makes. */
  static found(nats: NatsClient, bucket: { cluster: string; domain: string | undefined }): PayloadStore {
    return new PayloadStore(nats, (connection) => openPayloadBucket(connection, bucket));
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
    const found = await (await this.#opened()).get(name);
    return found === null ? undefined : contentOf(found);
  }

  /** The objects that were made before `ms` (Unix milliseconds), with the subject of the message that names each. */
  async olderThan(ms: number): Promise<{ readonly name: string; readonly subject: string }[]> {
    const found = await (await this.#opened()).list();
    return found.flatMap(({ name, mtime, deleted, metadata }) => {
      return deleted || Date.parse(mtime) >= ms ? [] : [{ name, subject: metadata?.subject ?? '' }];
    });
  }

  /** Deletes an object that was made before `ms` (Unix milliseconds). False: it has been kept again since, or is gone. */
  async deleteOlderThan(name: string, ms: number): Promise<boolean> {
    const store = await this.#opened();
    const info = await store.info(name);
    if (info === null || info.deleted || Date.parse(info.mtime) >= ms) return false;
    await store.delete(name);
    return true;
  }

  /** The bucket may be gone: it is made again when it is needed. */
  forget(): void {
    this.#store = undefined;
  }

  /** @throws StreamUnavailableError */
  #opened(): Promise<ObjectStore> {
    const { connection } = this.#nats;
    if (connection === undefined) throw new StreamUnavailableError(this.#nats.problem);
    this.#store ??= this.#open(connection).catch((error: unknown) => {
      this.#store = undefined;
      throw error;
    });
    return this.#store;
  }
}

/** All pieces of an object. @throws where the next one does not come: the connection is cut, or the piece is gone */
async function contentOf({ data, error }: ObjectResult): Promise<Uint8Array> {
  error.catch(() => {}); // `data` fails with it, too
  const reader = data.getReader();
  const pieces: Uint8Array[] = [];
  try {
    for (;;) {
      const { done, value } = await deadline(reader.read(), PIECE_MS);
      if (done) return Buffer.concat(pieces);
      pieces.push(value);
    }
  } finally {
    reader.cancel().catch(() => {}); // it has failed already; else it gives up its subscription
  }
}
