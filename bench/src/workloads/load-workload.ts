import type { Contender } from '../contenders/contender.ts';
import { WRITE_KEYS } from '../generator/generators.ts';
import type { LoadPlan } from '../generator/messages.ts';
import { type Latency, runLoad } from '../generator/run-load.ts';
import { peakMegabytes } from '../process-stats.ts';
import { PROTOCOLS } from '../protocols/index.ts';
import type { ServerProcess } from '../server-process.ts';
import { withServer } from './with-server.ts';
import type { Column, Figures, MeasureOptions, Workload } from './workload.ts';

const WARM_UP_MS = 2000;
/** A server that acks less than this share of what is offered does not keep up. */
const KEEPS_UP = 0.95;

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
  lacks: Workload['lacks'] = () => undefined,
): Workload {
  return {
    ...about,
    columns: LOAD_COLUMNS,
    slowest: 'deliveryP99',
    lacks,
    measure: (contender, options) =>
      withServer(contender, options, (server) => measureServers(contender, [server], shape, options)),
  };
}

/** With servers that run; workspaces are spread over them. */
export async function measureServers(
  { protocol, query }: Contender,
  servers: readonly ServerProcess[],
  shape: LoadShape,
  options: MeasureOptions,
): Promise<Figures> {
  const ports = servers.map(({ port }) => port);
  const writersEach = shape.clientsEach;
  const plan = { writersEach, ...WRITE_KEYS, ...shape, protocol, ports, query: await query('keys') };
  const { ack, delivery, ...result } = await runLoad({
    plan,
    pids: servers.map(({ pid }) => pid),
    warmUpMs: WARM_UP_MS,
    measureMs: options.seconds * 1000,
    generators: options.generators,
  });
  const { load } = shape;
  return {
    ...result,
    ...figuresOf('ack', ack),
    ...figuresOf('delivery', delivery),
    serverMegabytes: servers.reduce((sum, { pid }) => sum + peakMegabytes(pid), 0),
    window: 'window' in load ? Math.min(load.window, PROTOCOLS[protocol].window) : 0,
    keepsUp: 'window' in load ? 1 : keepsUp(result.opsPerSecond, load.writesPerSecond),
  };
}

/** 1 where a server does, else 0. */
export function keepsUp(rate: number, offered: number): 0 | 1 {
  return rate >= offered * KEEPS_UP ? 1 : 0;
}

export function figuresOf(name: 'ack' | 'delivery', { p50, p99, p999 }: Latency): Figures {
  return { [`${name}P50`]: p50, [`${name}P99`]: p99, [`${name}P999`]: p999 };
}
