import type { Histogram } from 'hdr-histogram-js';
import { Generators, type SharedPlan } from './generators.ts';
import { measureSpan } from './measure-span.ts';

/** In milliseconds; infinity where nothing came. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface LoadResult {
  /** Acked while it was measured. */
  readonly opsPerSecond: number;
  /** Microseconds of the servers' CPU for each of them. */
  readonly serverCpuPerOp: number;
  /** Cores that the load generator took. */
  readonly generatorCores: number;
  readonly ack: Latency;
  readonly delivery: Latency;
  /** Writes that had not been acked, or had not come to all others, when nothing came any more. */
  readonly lost: number;
  /** How often a client had a write after a later one of the same writer. */
  readonly disordered: number;
  /** Connections that the servers have closed. */
  readonly closed: number;
}

export interface LoadRun {
  readonly plan: SharedPlan;
  /** Of the servers: their CPU time is read. */
  readonly pids: readonly number[];
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Processes of the load generator. */
  readonly generators: number;
}

/** Connects clients, has them write, and measures; ends when what was written has been acked and has come to all. */
export async function runLoad({ plan, pids, generators: processes, ...lengths }: LoadRun): Promise<LoadResult> {
  const generators = new Generators(plan, processes);
  try {
    const span = await measureSpan(generators, pids, lengths);
    await generators.tell('cease');
    const { sent, acked, delivered, disordered, closed } = await generators.drain();
    const { ack, delivery } = await generators.latencies();
    const undelivered = Math.ceil((generators.expected(sent) - delivered) / Math.max(1, plan.clientsEach - 1));
    return {
      opsPerSecond: span.rates.acked,
      serverCpuPerOp: (span.serverCpuSeconds / span.acked) * 1e6,
      generatorCores: span.cores,
      ack: latencyOf(ack),
      delivery: latencyOf(delivery),
      lost: Math.max(sent - acked, undelivered),
      disordered,
      closed,
    };
  } finally {
    await generators.stop();
  }
}

export function latencyOf(histogram: Histogram): Latency {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? Number.POSITIVE_INFINITY : histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p99: at(99), p999: at(99.9) };
}
