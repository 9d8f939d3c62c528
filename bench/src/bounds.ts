import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import type { LoadPlan, LoadResult } from './load.ts';
import { benchToken, ServerProcess } from './server-process.ts';

// Holds a sync pod against the floor, a bare uWebSockets.js server: same machine, same run, same clients, in turns.

const SCRIPTS = {
  floor: fileURLToPath(new URL('./floor-server.js', import.meta.url)),
  etherply: fileURLToPath(new URL('../../sync-pod/dist/main.js', import.meta.url)),
};
type Contender = keyof typeof SCRIPTS;

interface Bound {
  readonly name: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
}

const saturated = { workspaces: 10, clientsEach: 4, load: { window: 32 } };
const offered = { workspaces: 50, clientsEach: 4, load: { opsPerSecond: 10_000 } };

async function measure(
  contender: Contender,
  load: Pick<LoadPlan, 'workspaces' | 'clientsEach' | 'load'>,
  seconds: number,
) {
  const server = await ServerProcess.start(SCRIPTS[contender]);
  try {
    const query = `token=${await benchToken()}${options.frames === 'ops' ? '&batch=1' : ''}`;
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
async function inTurns(load: typeof saturated | typeof offered, rounds: number, seconds: number) {
  const results: Record<Contender, LoadResult[]> = { floor: [], etherply: [] };
  for (let round = 0; round < rounds; round += 1) {
    results.floor.push(await measure('floor', load, seconds));
    results.etherply.push(await measure('etherply', load, seconds));
  }
  return results;
}

function median(results: readonly LoadResult[], pick: (result: LoadResult) => number): number {
  const sorted = results.map(pick).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

const options = new Command('bounds')
  .description('Measures a sync pod side by side with a bare uWebSockets.js server and says whether the bounds hold.')
  .option('--rounds <n>', 'how often each is measured; medians count', (text) => Number.parseInt(text, 10), 3)
  .option(
    '--seconds <n>',
    'how long each measurement takes, after 3 s of warm-up',
    (text) => Number.parseInt(text, 10),
    5,
  )
  .addOption(
    new Option('--frames <form>', 'how clients receive: each op in a frame of its own, or batches (?batch=1)')
      .choices(['op', 'ops'])
      .default('op'),
  )
  .option('--json', 'print the result as JSON')
  .parse()
  .opts<{ rounds: number; seconds: number; frames: 'op' | 'ops'; json?: boolean }>();

progress('10 workspaces × 4 clients, window 32 (closed loop)');
const full = await inTurns(saturated, options.rounds, options.seconds);
progress('50 workspaces × 4 clients, 10,000 ops/s offered (open loop)');
const paced = await inTurns(offered, options.rounds, options.seconds);

const throughput = median(full.etherply, (r) => r.opsPerSecond) / median(full.floor, (r) => r.opsPerSecond);
const cpu = median(full.etherply, (r) => r.serverCpuPerOp) / median(full.floor, (r) => r.serverCpuPerOp);
const latencyLimit = (kind: 'ack' | 'delivery') => Math.max(10, 5 * median(paced.floor, (r) => r[kind].p99));
const latency = (kind: 'ack' | 'delivery'): Bound => {
  const measured = median(paced.etherply, (r) => r[kind].p99);
  return {
    name: `p99 to ${kind}`,
    measured,
    limit: latencyLimit(kind),
    unit: 'ms',
    met: measured <= latencyLimit(kind),
  };
};
const bounds: Bound[] = [
  { name: 'throughput', measured: throughput, limit: 0.7, unit: '× the floor', met: throughput >= 0.7 },
  { name: 'server CPU per op', measured: cpu, limit: 1.7, unit: '× the floor', met: cpu <= 1.7 },
  latency('delivery'),
  latency('ack'),
];
if (options.json) process.stdout.write(`${JSON.stringify({ bounds, full, paced }, null, 2)}\n`);
else {
  for (const { name, measured, limit, unit, met } of bounds) {
    process.stdout.write(
      `${met ? 'met   ' : 'MISSED'}  ${name.padEnd(18)} ${measured.toFixed(2).padStart(6)} ${unit} (bound ${limit.toFixed(2)})\n`,
    );
  }
}
process.exitCode = bounds.every(({ met }) => met) ? 0 : 1;
