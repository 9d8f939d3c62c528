import type { Histogram } from 'hdr-histogram-js';
import type { Contender } from '../contenders/contender.ts';
import { Generators, spanOf } from '../generator/generators.ts';
import type { LoadPlan } from '../generator/messages.ts';
import { cpuSeconds, peakMegabytes } from '../process-stats.ts';
import { PROTOCOLS, type ProtocolName } from '../protocols/index.ts';
import type { ServerProcess } from '../server-process.ts';
import { startServer } from './start-server.ts';
import type { Column, Figures, MeasureOptions, Workload } from './workload.ts';

const WARM_UP_MS = 2000;
/** A server that acks less than this share of what is offered does not keep up. */
const KEEPS_UP = 0.95;
/** Clients that connect at the same time. */
const AT_ONCE = 16;

export const LOAD_COLUMNS: readonly Column[] = [
  { key: 'opsPerSecond', title: 'ops/s', digits: 0 },
  { key: 'serverCpuPerOp', title: 'server CPU µs/op', digits: 1 },
  { key: 'serverMegabytes', title: 'server MB', digits: 0 },
  { key: 'ackP50', title: 'ack p50 ms', digits: 1 },
  { key: 'ackP99', title: 'p99', digits: 1 },
  { key: 'ackP999', title: 'p99.9', digits: 1 },
  { key: 'deliveryP50', title: 'delivery p50 ms', digits: 1 },
  { key: 'deliveryP99', title: 'p99', digits: 1 },
  { key: 'deliveryP999', title: 'p99.9', digits: 1 },
  { key: 'generatorCores', title: 'generator cores', digits: 2 },
  { key: 'lost', title: 'lost', digits: 0 },
];

/** Clients of workspaces that write, all connected. */
export interface LoadShape {
  readonly workspaces: number;
  readonly clientsEach: number;
  /** Unset: all. */
  readonly writersEach?: number;
  readonly load: LoadPlan['load'];
}

/** A workload of writes, the same for each contender. */
export function loadWorkload(
  about: Pick<Workload, 'name' | 'title' | 'how' | 'chart' | 'rounds'>,
  shape: LoadShape,
): Workload {
  return {
    ...about,
    columns: LOAD_COLUMNS,
    slowest: 'deliveryP99',
    lacks: () => undefined,
    measure: (contender, options) => measureLoad(contender, shape, options),
  };
}

async function measureLoad(contender: Contender, shape: LoadShape, options: MeasureOptions): Promise<Figures> {
  const server = await startServer(contender, options);
  try {
    return await measureServers(contender, [server], shape, options);
  } finally {
    await server.stop();
  }
}

/** With servers that run; workspaces are spread over them. */
export async function measureServers(
  { protocol, query }: Contender,
  servers: readonly ServerProcess[],
  shape: LoadShape,
  options: MeasureOptions,
): Promise<Figures> {
  const ports = servers.map(({ port }) => port);
  const plan = { writersEach: shape.clientsEach, ...shape, protocol, ports, query: await query() };
  const generators = new Generators(plan, options.generators);
  try {
    await generators.connect(AT_ONCE);
    const pids = servers.map(({ pid }) => pid);
    return await figuresOf(generators, pids, protocol, shape, options);
  } finally {
    await generators.stop();
  }
}

async function figuresOf(
  generators: Generators,
  pids: readonly number[],
  protocol: ProtocolName,
  shape: LoadShape,
  { seconds }: MeasureOptions,
): Promise<Figures> {
  const ofServers = (figure: (pid: number) => number) => pids.reduce((sum, pid) => sum + figure(pid), 0);
  await generators.tell('begin');
  await sleep(WARM_UP_MS);
  await generators.tell('measure');
  const before = { counts: await generators.count(), cpu: ofServers(cpuSeconds) };
  await sleep(seconds * 1000);
  const span = spanOf(before.counts, await generators.count());
  const cpu = ofServers(cpuSeconds) - before.cpu;
  await generators.tell('measured');
  await generators.tell('cease');
  const { sent, acked, delivered, disordered, closed } = await generators.drain();
  const { ack, delivery } = await generators.latencies();
  const offered = 'writesPerSecond' in shape.load ? shape.load.writesPerSecond : 0;
  const undelivered = Math.ceil((generators.expected(sent) - delivered) / Math.max(1, shape.clientsEach - 1));
  return {
    opsPerSecond: span.rates.acked,
    serverCpuPerOp: (cpu / span.acked) * 1e6,
    serverMegabytes: ofServers(peakMegabytes),
    ...percentiles('ack', ack),
    ...percentiles('delivery', delivery),
    generatorCores: span.cores,
    lost: Math.max(sent - acked, undelivered),
    disordered,
    closed,
    window: 'window' in shape.load ? Math.min(shape.load.window, PROTOCOLS[protocol].window) : 0,
    keepsUp: span.rates.acked >= offered * KEEPS_UP ? 1 : 0,
  };
}

/** In milliseconds. */
function percentiles(name: 'ack' | 'delivery', histogram: Histogram): Figures {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? Number.POSITIVE_INFINITY : histogram.getValueAtPercentile(percentile) / 1000;
  return { [`${name}P50`]: at(50), [`${name}P99`]: at(99), [`${name}P999`]: at(99.9) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
