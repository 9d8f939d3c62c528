import { type SharedPlan, WRITE_KEYS } from './generator/generators.ts';
import { type LoadResult, runLoad } from './generator/run-load.ts';
import type { ServerProcess } from './server-process.ts';

const WARM_UP_MS = 3000;

/** What EtherPly's clients do, on servers that speak its protocol. */
export interface LoadPlan extends Pick<SharedPlan, 'workspaces' | 'clientsEach' | 'load'> {
  readonly servers: readonly ServerProcess[];
  /** Query string of every connection. */
  readonly query: string;
  /** Unset: all write. */
  readonly writersEach?: number;
  /** Unset: together. */
  readonly placement?: SharedPlan['placement'];
  readonly seconds: number;
}

/**
 * Runs a load with one process of the load generator.
 * @throws where not every op was acked and came to every other client of its workspace
 */
export async function measureLoad(
  contender: string,
  { servers, seconds, ...plan }: LoadPlan,
  progress: (line: string) => void,
): Promise<LoadResult> {
  const result = await runLoad({
    plan: {
      ...WRITE_KEYS,
      writersEach: plan.clientsEach,
      ...plan,
      protocol: 'etherply',
      ports: servers.map(({ port }) => port),
    },
    pids: servers.map(({ pid }) => pid),
    warmUpMs: WARM_UP_MS,
    measureMs: seconds * 1000,
    generators: 1,
  });
  if (result.lost > 0) throw new Error(`${contender} has lost ${result.lost} ops`);
  progress(lineOf(contender, result));
  return result;
}

function lineOf(contender: string, result: LoadResult): string {
  const { opsPerSecond, serverCpuPerOp, ack, delivery, generatorCores } = result;
  return (
    `${contender.padEnd(12)} ${opsPerSecond.toFixed(0).padStart(7)} ops/s  ${serverCpuPerOp.toFixed(1).padStart(6)} µs CPU/op` +
    `  ack p50 ${ack.p50.toFixed(1)} p99 ${ack.p99.toFixed(1)} ms  delivery p50 ${delivery.p50.toFixed(1)} p99 ${delivery.p99.toFixed(1)} ms` +
    `  (generator ${(generatorCores * 100).toFixed(0)}% of a core)`
  );
}
