import { type JetStreamManager, jetstream, StorageType } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { StreamNotReadyError, streamInfo } from './stream-config.ts';

/** The object bucket of a cluster: for what is too large for a message. */
export function payloadBucketOf(cluster: string): string {
  return `${cluster}-payloads`;
}

/** The stream that the bucket consists of. */
export function payloadStreamOf(cluster: string): string {
  return `OBJ_${payloadBucketOf(cluster)}`;
}

/** Opens the bucket; makes it where it is not there. One that is there keeps its replicas. */
export function makePayloadBucket(
  connection: NatsConnection,
  { cluster, replicas }: { readonly cluster: string; readonly replicas: number },
): Promise<ObjectStore> {
  return new Objm(jetstream(connection)).create(payloadBucketOf(cluster), { storage: StorageType.File, replicas });
}

/**
 * Opens a bucket that somebody else makes, without a look whether it is there.
 * @param domain the JetStream domain that it is in, where that is not the own one
 */
export function openPayloadBucket(
  connection: NatsConnection,
  { cluster, domain }: { readonly cluster: string; readonly domain: string | undefined },
): Promise<ObjectStore> {
  return new Objm(jetstream(connection, { ...(domain !== undefined && { domain }) })).open(
    payloadBucketOf(cluster),
    false,
  );
}

/** Makes the bucket where it is not there, and gives it as many replicas as it is to have. */
export async function ensurePayloadBucket(
  connection: NatsConnection,
  jsm: JetStreamManager,
  options: { readonly cluster: string; readonly replicas: number },
): Promise<void> {
  const { streamInfo: info } = await (await makePayloadBucket(connection, options)).status();
  if (info.config.num_replicas === options.replicas) return;
  await jsm.streams.update(info.config.name, { ...info.config, num_replicas: options.replicas });
}

/** Where somebody else makes the bucket: whether it is there. @throws StreamNotReadyError */
export async function requirePayloadBucket(jsm: JetStreamManager, cluster: string): Promise<void> {
  if ((await streamInfo(jsm, payloadStreamOf(cluster))) !== undefined) return;
  throw new StreamNotReadyError(`the object bucket ${payloadBucketOf(cluster)} is not there`);
}
