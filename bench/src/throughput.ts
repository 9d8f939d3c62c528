import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bound } from './bound.ts';
import type { LoadPlan, LoadResult } from './load.ts';
import { benchToken, ServerProcess } from './server-process.ts';

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
const offered = { workspaces: 50, clientsEach: 4, load: { opsPerSecond: 10_000 } };

/** Holds a sync pod against the floor, a bare uWebSockets.js server: same machine, same run, same clients, in turns. */
export async function throughputBounds(options: ThroughputOptions): Promise<Bound[]> {
  options.progress('10 workspaces × 4 clients, window 32 (closed loop)');
  const full = await inTurns(saturated, options);
  options.progress('50 workspaces × 4 clients, 10,000 ops/s offered (open loop)');
  const paced = await inTurns(offered, options);
  const ratio = (pick: (result: LoadResult) => number) => median(full.etherply, pick) / median(full.floor, pick);
  const throughput = ratio((result) => result.opsPerSecond);
  const cpu = ratio((result) => result.serverCpuPerOp);
  const latency = (kind: 'ack' | 'delivery'): Bound => {
    const limit = Math.max(10, 5 * median(paced.floor, (result) => result[kind].p99));
    const measured = median(paced.etherply, (result) => result[kind].p99);
    return { name: `p99 to ${kind}`, measured, limit, unit: 'ms', met: measured <= limit };
  };
  return [
    { name: 'throughput', measured: throughput, limit: 0.7, unit: '× the floor', met: throughput >= 0.7 },
    { name: 'server CPU an op', measured: cpu, limit: 1.7, unit: '× the floor', met: cpu <= 1.7 },
    latency('delivery'),
    latency('ack'),
  ];
}

async function measure(
  contender: Contender,
  load: Pick<LoadPlan, 'workspaces' | 'clientsEach' | 'load'>,
  { seconds, frames, progress }: ThroughputOptions,
) {
  const server = await ServerProcess.start(contender);
  try {
    const query = `token=${await benchToken()}${frames === 'ops' ? '&batch=1' : ''}`;
    const { port, pid } = server;
    const result = await runLoad({ ...load, port, pid, query, warmupMs: 3000, measureMs: seconds * 1000 });
    if (Math.abs(result.deliveriesPerOp / (load.clientsEach - 1) - 1) > 0.05) {
      throw new Error(`${contender} delivered each op to ${result.deliveriesPerOp} of ${load.clientsEach - 1} clients`);
    }
    const { opsPerSecond, serverCpuPerOp, ack, delivery, generatorCpu } = result;
    progress(
      `${contender.padEnd(9)} ${opsPerSecond.toFixed(0).padStart(7)} ops/s  ${serverCpuPerOp.toFixed(1).padStart(6)} µs CPU/op` +
        `  ack p50 ${ack.p50.toFixed(1)} p99 ${ack.p99.toFixed(1)} ms  delivery p50 ${delivery.p50.toFixed(1)} p99 ${delivery.p99.toFixed(1)} ms` +
        `  (generator ${(generatorCpu * 100).toFixed(0)}% of a core)`,
    );
    return result;
  } finally {
    await server.stop();
  }
}

function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const script = fileURLToPath(new URL('./load.js', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`the load ended with ${code}`)),
    );
  });
}

/** The floor and EtherPly in turns, so that a machine whose speed drifts treats both alike. */
async function inTurns(load: typeof saturated | typeof offered, options: ThroughputOptions) {
  const results: Record<Contender, LoadResult[]> = { floor: [], etherply: [] };
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of CONTENDERS) results[contender].push(await measure(contender, load, options));
  }
  return results;
}

function median(results: readonly LoadResult[], pick: (result: LoadResult) => number): number {
  const sorted = results.map(pick).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
