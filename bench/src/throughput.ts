import { atLeast, atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { floor } from './contenders/floor.ts';
import type { LoadResult } from './generator/run-load.ts';
import { type LoadPlan, measureLoad } from './measure-load.ts';
import { median } from './median.ts';
import { ServerProcess } from './server-process.ts';

const CONTENDERS = ['floor', 'etherply'] as const;
type Contender = (typeof CONTENDERS)[number];

export interface ThroughputOptions {
  /** How often each contender is measured; medians count. */
  readonly rounds: number;
  /** Of each measurement. */
  readonly seconds: number;
  /** How clients receive: each op in a frame of its own, or batches. */
  readonly frames: 'op' | 'ops';
  readonly progress: (line: string) => void;
}

const saturated = { workspaces: 10, clientsEach: 4, load: { window: 32 } };
const offered = { workspaces: 50, clientsEach: 4, load: { writesPerSecond: 10_000 } };

/** Holds a sync pod against the floor, a bare uWebSockets.js server: same machine, same run, same clients, in turns. */
export async function throughputBounds(options: ThroughputOptions): Promise<Bound[]> {
  options.progress('10 workspaces × 4 clients, window 32 (closed loop)');
  const full = await inTurns(saturated, options);
  options.progress('50 workspaces × 4 clients, 10,000 ops/s offered (open loop)');
  const paced = await inTurns(offered, options);
  const medianOf = (results: readonly LoadResult[], pick: (result: LoadResult) => number) => median(results.map(pick));
  const ratio = (pick: (result: LoadResult) => number) => medianOf(full.etherply, pick) / medianOf(full.floor, pick);
  const latency = (kind: 'ack' | 'delivery'): Bound => {
    const p99 = (result: LoadResult) => result[kind].p99;
    return atMost(Math.max(10, 5 * medianOf(paced.floor, p99)), `p99 to ${kind}`, medianOf(paced.etherply, p99), 'ms');
  };
  const throughput = ratio((result) => result.opsPerSecond);
  const cpu = ratio((result) => result.serverCpuPerOp);
  return [
    atLeast(0.7, 'throughput', throughput, '× the floor'),
    atMost(1.7, 'server CPU an op', cpu, '× the floor'),
    latency('delivery'),
    latency('ack'),
  ];
}

async function measure(
  contender: Contender,
  load: Pick<LoadPlan, 'workspaces' | 'clientsEach' | 'load'>,
  { seconds, frames, progress }: ThroughputOptions,
) {
  const server = await ServerProcess.start(contender === 'floor' ? floor : etherply);
  try {
    const query = `token=${await benchToken()}${frames === 'ops' ? '&batch=1' : ''}`;
    const plan = { ...load, servers: [server], query, seconds };
    return await measureLoad(contender, plan, progress);
  } finally {
    await server.stop();
  }
}

/** The floor and EtherPly in turns, so that a machine whose speed drifts treats both alike. */
async function inTurns(load: typeof saturated | typeof offered, options: ThroughputOptions) {
  const results: Record<Contender, LoadResult[]> = { floor: [], etherply: [] };
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of CONTENDERS) results[contender].push(await measure(contender, load, options));
  }
  return results;
}
