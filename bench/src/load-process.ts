import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithThis } from './leftovers.ts';
import type { LoadPlan, LoadResult } from './load.ts';

/** Deliveries are under way at both ends of a measurement: by so much they may differ from what was sent. */
const DELIVERY_TOLERANCE = 0.05;

/**
 * Runs a load in a process of its own.
 * @throws where not every op came to every other client of its workspace
 */
export async function measureLoad(
  contender: string,
  plan: LoadPlan,
  progress: (line: string) => void,
): Promise<LoadResult> {
  const result = await runLoad(plan);
  const others = plan.clientsEach - 1;
  if (Math.abs(result.deliveriesPerOp / others - 1) > DELIVERY_TOLERANCE) {
    throw new Error(`${contender} delivered each op to ${result.deliveriesPerOp} of ${others} clients`);
  }
  progress(lineOf(contender, result));
  return result;
}

function lineOf(contender: string, result: LoadResult): string {
  const { opsPerSecond, serverCpuPerOp, ack, delivery, generatorCpu } = result;
  return (
    `${contender.padEnd(12)} ${opsPerSecond.toFixed(0).padStart(7)} ops/s  ${serverCpuPerOp.toFixed(1).padStart(6)} µs CPU/op` +
    `  ack p50 ${ack.p50.toFixed(1)} p99 ${ack.p99.toFixed(1)} ms  delivery p50 ${delivery.p50.toFixed(1)} p99 ${delivery.p99.toFixed(1)} ms` +
    `  (generator ${(generatorCpu * 100).toFixed(0)}% of a core)`
  );
}

function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const script = fileURLToPath(new URL('./load.js', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  endWithThis(child);
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
