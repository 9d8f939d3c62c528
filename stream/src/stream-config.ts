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
}

/** The stream is there, and cannot be what it is to be. */
export class StreamConfigError extends Error {
  override readonly name = 'StreamConfigError';
}

/**
 * Makes the stream where it is not there, and changes what can be changed.
 * @param reachable of the regions those whose streams are there: a server that does not find one looks for it a minute later
 * @throws StreamConfigError
 */
export async function ensureStream(
  jsm: JetStreamManager,
  options: StreamOptions,
  reachable: readonly string[],
): Promise<void> {
  const found = await infoOf(jsm, options.cluster);
  if (found === undefined) {
    await jsm.streams.add(configOf(options, reachable));
    return;
  }
  const had = (found.config.sources ?? []).map(({ name }) => name);
  const wanted = configOf(options, [...reachable, ...had]);
  if (found.config.storage !== wanted.storage || found.config.retention !== wanted.retention) {
    throw new StreamConfigError(
      `the stream ${options.cluster} has ${found.config.storage} storage and ${found.config.retention} retention, which cannot ` +
        `be changed to ${wanted.storage} and ${wanted.retention}: set ETHERPLY_STREAM_RETENTION, or choose another ETHERPLY_CLUSTER`,
    );
  }
  if (!isAsWanted(found.config, wanted)) await jsm.streams.update(options.cluster, { ...found.config, ...wanted });
}

/** Whether there is a stream of this name. */
export async function isThere(jsm: JetStreamManager, name: string): Promise<boolean> {
  try {
    return (await infoOf(jsm, name)) !== undefined;
  } catch {
    return false; // nobody answers for it
  }
}

function configOf(options: StreamOptions, reachable: readonly string[]) {
  const { cluster, replicas, retention, maxAgeSeconds, maxBytes, duplicateSeconds, regions } = options;
  return {
    name: cluster,
    subjects: [allSubjectsOf(cluster)],
    storage: StorageType.File,
    retention: retention === 'limits' ? RetentionPolicy.Limits : RetentionPolicy.Interest,
    num_replicas: replicas,
    max_age: maxAgeSeconds === Number.POSITIVE_INFINITY ? 0 : nanos(maxAgeSeconds * 1000),
    max_bytes: maxBytes === Number.POSITIVE_INFINITY ? -1 : maxBytes,
    // A full stream takes nothing more, so that nothing that it had is lost.
    discard: DiscardPolicy.New,
    duplicate_window: nanos(duplicateSeconds * 1000),
    allow_direct: true,
    allow_rollup_hdrs: true,
    republish: { src: '>', dest: liveDestination(cluster) },
    // Only what was born there: what a region has from another one does not come back to that.
    sources: regions.flatMap(({ name, domain }) => (reachable.includes(name) ? [sourceOf(name, domain)] : [])),
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

async function infoOf(jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}

function isAsWanted(found: StreamConfig, wanted: ReturnType<typeof configOf>): boolean {
  const { republish, sources, subjects, ...plain } = wanted;
  const isPlainSame = Object.entries(plain).every(([name, value]) => Reflect.get(found, name) === value);
  const sourceNames = (list: StreamConfig['sources']) => (list ?? []).map(({ name }) => name).join();
  return (
    isPlainSame &&
    found.republish?.dest === republish.dest &&
    sourceNames(found.sources) === sourceNames(sources) &&
    found.subjects?.join() === subjects.join()
  );
}
