import type { Cluster } from '../api/cluster.ts';
import { bytesOf } from '../api/quantity.ts';
import { streamNameOf } from '../api/stream-name.ts';
import type { StreamRequest } from './stream-policy.ts';

type Specified = Pick<Cluster, 'name' | 'namespace' | 'spec'>;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** What the spec of a cluster asks of its stream. @param mayDropMessages as the annotation says */
export function streamRequestOf(cluster: Specified, mayDropMessages: boolean): StreamRequest {
  const { replicas, retention, maxAge, maxBytes, duplicateWindow } = cluster.spec.stream;
  return {
    options: {
      cluster: streamNameOf(cluster),
      replicas,
      retention,
      maxAgeSeconds: maxAge === undefined ? Number.POSITIVE_INFINITY : secondsOf(maxAge),
      maxBytes: maxBytes === undefined ? Number.POSITIVE_INFINITY : bytesOf(maxBytes),
      duplicateSeconds: secondsOf(duplicateWindow),
      regions: cluster.spec.regions.others.map(({ name, domain }) => ({ name, domain })),
      owner: `${cluster.namespace}/${cluster.name}`,
    },
    mayDropMessages,
  };
}

/** `90s`, `15m`, `24h`, `1h30m` as a number of seconds. */
function secondsOf(duration: string): number {
  let seconds = 0;
  for (const [, digits, unit = 's'] of duration.matchAll(/(\d+)([smh])/g))
    seconds += Number(digits) * (SECONDS[unit] ?? 1);
  return seconds;
}
