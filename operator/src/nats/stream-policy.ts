import { allSubjectsOf, OWNER_KEY, type StreamOptions } from '@etherply/stream';
import type { StreamInfo } from '@nats-io/jetstream';

/** What is to become of the stream of a cluster. */
export interface StreamRequest {
  /** What it is to be like; `owner` is the `namespace/name` of the cluster. */
  readonly options: StreamOptions & { readonly owner: string };
  /** Somebody has said that messages may go for good. */
  readonly mayDropMessages: boolean;
}

/** Put on a cluster with the value `true`, messages may go that no pod may have. */
export const DROP_MESSAGES_ANNOTATION = 'etherply.io/drop-messages';

/**
 * Why the stream that is there is left as it is: what is asked for cannot be, or data would go that nothing else may have.
 * Undefined: it can be made what it is to be.
 * @param now Unix milliseconds
 */
export function refusalOf(found: StreamInfo, request: StreamRequest, now: number): string | undefined {
  return notOurs(found, request) ?? fixed(found, request) ?? tooSmall(found, request) ?? tooShort(found, request, now);
}

/** Why the stream is somebody else's; undefined: it is the cluster's, or nobody says whose it is. */
export function notOurs({ config }: StreamInfo, { options }: StreamRequest): string | undefined {
  const owner = config.metadata?.[OWNER_KEY];
  if (owner === options.owner) return undefined;
  const advice = 'choose another spec.stream.name';
  if (owner !== undefined) {
    return (
      `the stream ${config.name} belongs to the EtherPlyCluster ${owner}: ${advice}; or, where that is gone for good, ` +
      `give it to this one: nats stream edit ${config.name} --metadata ${OWNER_KEY}=${options.owner}`
    );
  }
  if (config.subjects?.includes(allSubjectsOf(config.name))) return undefined; // pods have made it
  return `there is a stream ${config.name} that is not EtherPly's (subjects ${config.subjects?.join(', ')}): ${advice}`;
}

function fixed({ config }: StreamInfo, { options }: StreamRequest): string | undefined {
  if (config.retention !== options.retention) {
    return (
      `the stream ${config.name} has the retention ${config.retention}, which NATS does not change to ${options.retention}: ` +
      'set spec.stream.retention to what it has, or make another cluster, and let its pods join'
    );
  }
  if (config.storage !== 'file') {
    return `the stream ${config.name} is kept in memory, which NATS does not change: choose another spec.stream.name`;
  }
  return undefined;
}

/** With less than it holds it takes nothing more, and no op is acknowledged. */
function tooSmall({ config, state }: StreamInfo, { options }: StreamRequest): string | undefined {
  if (options.maxBytes >= state.bytes || config.max_bytes === options.maxBytes) return undefined;
  return (
    `the stream ${config.name} holds ${state.bytes} bytes, more than the ${options.maxBytes} of spec.stream.maxBytes, with ` +
    'which it would take nothing more: set more'
  );
}

/** With a shorter age it drops at once what it has kept for longer. */
function tooShort({ config, state }: StreamInfo, request: StreamRequest, now: number): string | undefined {
  const { options, mayDropMessages } = request;
  const keptSeconds = config.max_age === 0 ? Number.POSITIVE_INFINITY : config.max_age / 1e9;
  if (mayDropMessages || state.messages === 0 || options.maxAgeSeconds >= keptSeconds) return undefined;
  const oldestSeconds = Math.ceil((now - Date.parse(state.first_ts)) / 1000);
  if (oldestSeconds <= options.maxAgeSeconds) return undefined;
  return (
    `the stream ${config.name} has messages of ${oldestSeconds} seconds ago, which would go with the ` +
    `${options.maxAgeSeconds} seconds of spec.stream.maxAge, and no pod may have what is in them: set more, or, where they ` +
    `may go for good, annotate the cluster with ${DROP_MESSAGES_ANNOTATION}=true`
  );
}
