import type { Contender } from '../contenders/contender.ts';
import { Generators, type SharedPlan, WRITE_KEYS } from '../generator/generators.ts';
import { cpuSeconds } from '../process-stats.ts';
import type { ServerProcess } from '../server-process.ts';
import { withServer } from './with-server.ts';
import type { MeasureOptions } from './workload.ts';

/** Clients that only connect: of so many workspaces, so many each. */
export type Crowd = Pick<SharedPlan, 'workspaces' | 'clientsEach'>;

/** Runs with a server of its own, and ends it and all generators that were made. */
export function withCrowds<R>(
  contender: Contender,
  options: MeasureOptions,
  run: (server: ServerProcess, crowd: (crowd: Crowd) => Generators) => Promise<R>,
): Promise<R> {
  return withServer(contender, options, async (server) => {
    const made: Generators[] = [];
    const query = await contender.query('keys');
    try {
      return await run(server, (crowd) => {
        const plan = { ...crowd, protocol: contender.protocol, ports: [server.port], query };
        const one = new Generators({ ...plan, ...WRITE_KEYS, writersEach: 0, load: { window: 0 } }, options.generators);
        made.push(one);
        return one;
      });
    } finally {
      await Promise.all(made.map((one) => one.stop()));
    }
  });
}

/** What it takes to connect all clients of a crowd at the same time. */
export interface Rush {
  /** How long each took. */
  readonly milliseconds: readonly number[];
  readonly allMs: number;
  readonly serverCpuMs: number;
  /** Sent to them. */
  readonly megabytes: number;
}

/** @param clients as many as there are in the crowd */
export async function rush(crowd: Generators, clients: number, { pid }: ServerProcess): Promise<Rush> {
  const cpu = cpuSeconds(pid);
  const { milliseconds, bytes } = await crowd.connect(clients);
  return {
    milliseconds,
    allMs: Math.max(...milliseconds),
    serverCpuMs: (cpuSeconds(pid) - cpu) * 1000,
    megabytes: bytes / 1e6,
  };
}
