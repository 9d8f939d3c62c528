import { isDeepStrictEqual } from 'node:util';
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { allSubjectsOf, liveDestination } from './subjects.ts';

/** What the stream of a cluster is to be like. */
export interface StreamOptions {
  readonly cluster: string;
  readonly replicas: number;
  readonly retention: 'limits' | 'interest';
  /** Infinite: for ever. */
  readonly maxAgeSeconds: number;
  /** Infinite: no limit. */
  readonly maxBytes: number;
  /** For how long a message that is published again is recognised. */
  readonly duplicateSeconds: number;
  /** The other clusters whose messages come into it. */
  readonly regions: readonly { readonly name: string; readonly domain: string | undefined }[];
  /** Who makes it, which stands in its metadata so that nobody else takes it for theirs. Unset: nobody says. */
  readonly owner?: string;
}

/** Where in the metadata of the stream its owner stands. */
export const OWNER_KEY = 'etherply.io/owner';

/** The stream is there, and cannot be what it is to be. */
export class StreamConfigError extends Error {
  override readonly name = 'StreamConfigError';
}

/** The stream is not there, or lacks what pods need, and somebody else is to see to it. */
export class StreamNotReadyError extends Error {
  override readonly name = 'StreamNotReadyError';
}

/** What was done to a stream: nothing, or it was made, or these fields of its configuration were changed. */
export type StreamChange = 'none' | 'made' | { readonly fields: readonly string[] };

/**
 * Makes the stream where it is not there, and changes what can be changed.
 * @param reachable of the regions those whose streams are there: a server that does not find one looks for it a minute later
 * @throws StreamConfigError
 */
export async function ensureStream(
  jsm: JetStreamManager,
  options: StreamOptions,
  reachable: readonly string[],
): Promise<StreamChange> {
  const found = await streamInfo(jsm, options.cluster);
  if (found === undefined) {
    await jsm.streams.add(streamConfigOf(options, reachable));
    return 'made';
  }
  const had = sourcesOf(found.config).map(({ name }) => name);
  const wanted = streamConfigOf(options, [...reachable, ...had]);
  refuseUnchangeable(found.config, wanted);
  const fields = fieldsThatDiffer(found.config, wanted);
  if (fields.length === 0) return 'none';
  // What else stands in the metadata is somebody else's, or NATS's own.
  const metadata = { ...found.config.metadata, ...wanted.metadata };
  await jsm.streams.update(options.cluster, { ...found.config, ...wanted, metadata });
  return { fields };
}

/**
 * Where somebody else makes the stream: whether it is there, and what pods need it to be. Its bounds, replicas and sources are
 * left to whoever manages it.
 * @throws StreamNotReadyError, StreamConfigError
 */
export async function requireStream(jsm: JetStreamManager, options: StreamOptions): Promise<void> {
  const found = await streamInfo(jsm, options.cluster);
  if (found === undefined) throw new StreamNotReadyError(`the stream ${options.cluster} is not there`);
  const wanted = streamConfigOf(options, []);
  refuseUnchangeable(found.config, wanted);
  const { subjects, discard, allow_direct, allow_rollup_hdrs, republish } = wanted;
  const needed = { subjects, discard, allow_direct, allow_rollup_hdrs, republish };
  const lacking = Object.entries(needed).filter(
    ([name, value]) => !isDeepStrictEqual(Reflect.get(found.config, name), value),
  );
  if (lacking.length > 0) {
    const list = lacking.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ');
    throw new StreamNotReadyError(`the stream ${options.cluster} lacks what pods need: ${list}`);
  }
}

/** Whether there is a stream of this name. */
export async function isThere(jsm: JetStreamManager, name: string): Promise<boolean> {
  try {
    return (await streamInfo(jsm, name)) !== undefined;
  } catch {
    return false; // nobody answers for it
  }
}

/** The configuration that follows from the options. @param reachable as for {@link ensureStream} */
export function streamConfigOf(options: StreamOptions, reachable: readonly string[]) {
  const { cluster, replicas, retention, maxAgeSeconds, maxBytes, duplicateSeconds, regions, owner } = options;
  return {
    name: cluster,
    subjects: [allSubjectsOf(cluster)],
    storage: StorageType.File,
    retention: retention === 'limits' ? RetentionPolicy.Limits : RetentionPolicy.Interest,
    num_replicas: replicas,
    max_age: maxAgeSeconds === Number.POSITIVE_INFINITY ? 0 : nanos(maxAgeSeconds * 1000),
    max_bytes: maxBytes === Number.POSITIVE_INFINITY ? -1 : maxBytes,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    // A full stream takes nothing more, so that nothing that it had is lost.
    discard: DiscardPolicy.New,
    duplicate_window: nanos(duplicateSeconds * 1000),
    allow_direct: true,
    allow_rollup_hdrs: true,
    republish: { src: '>', dest: liveDestination(cluster) },
    // Only what was born there: what a region has from another one does not come back to that.
    sources: regions.flatMap(({ name, domain }) => (reachable.includes(name) ? [sourceOf(name, domain)] : [])),
    metadata: owner === undefined ? {} : { [OWNER_KEY]: owner },
  } satisfies Partial<StreamConfig>;
}

function sourceOf(name: string, domain: string | undefined) {
  return {
    name,
    filter_subject: allSubjectsOf(name),
    // Without it a server begins where the other stream is when it reaches that first, and what was before is missing.
    opt_start_seq: 1,
    ...(domain !== undefined && { external: { api: `$JS.${domain}.API`, deliver: '' } }),
  };
}

/** Undefined where there is no stream of this name. */
export async function streamInfo(jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}

/** @throws StreamConfigError */
function refuseUnchangeable(found: StreamConfig, wanted: ReturnType<typeof streamConfigOf>): void {
  if (found.storage === wanted.storage && found.retention === wanted.retention) return;
  throw new StreamConfigError(
    `the stream ${wanted.name} has ${found.storage} storage and ${found.retention} retention, which cannot be changed to ` +
      `${wanted.storage} and ${wanted.retention}`,
  );
}

function fieldsThatDiffer(found: StreamConfig, wanted: ReturnType<typeof streamConfigOf>): string[] {
  const { republish, sources, subjects, metadata, ...plain } = wanted;
  const essence = (list: Sources) =>
    JSON.stringify(list.map((one) => [one.name, one.filter_subject, one.external?.api]));
  const isSame: Record<string, boolean> = {
    ...Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, Reflect.get(found, name) === value])),
    republish:
      found.republish?.src === republish.src &&
      found.republish.dest === republish.dest &&
      !found.republish.headers_only,
    sources: essence(sourcesOf(found)) === essence(sources),
    subjects: found.subjects?.join() === subjects.join(),
    metadata: Object.entries(metadata).every(([name, value]) => found.metadata?.[name] === value),
  };
  return Object.keys(isSame).filter((name) => isSame[name] === false);
}

type Sources = NonNullable<StreamConfig['sources']>;

function sourcesOf(config: StreamConfig): Sources {
  return config.sources ?? [];
}
