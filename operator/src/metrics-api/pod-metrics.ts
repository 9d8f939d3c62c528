import type { Labels } from './label-selector.ts';

/** What was last heard of a sync pod. */
export interface PodSample {
  readonly name: string;
  readonly labels: Labels;
  readonly opsPerSecond: number;
  readonly connections: number;
  /** When it said so. */
  readonly at: Date;
}

/** Where the numbers come from. */
export interface PodMetrics {
  /** The sync pods of a namespace that have said something. */
  inNamespace(namespace: string): Iterable<PodSample>;
}

interface Metric {
  readonly of: (sample: PodSample) => number;
  /** Over so long it is counted; undefined: it is what is now. */
  readonly windowSeconds: number | undefined;
}

/** The metrics that there are, named as the pods name them for Prometheus. */
export const METRICS: ReadonlyMap<string, Metric> = new Map<string, Metric>([
  ['etherply_ops_per_second', { of: ({ opsPerSecond }) => opsPerSecond, windowSeconds: 15 }],
  ['etherply_connections', { of: ({ connections }) => connections, windowSeconds: undefined }],
]);
