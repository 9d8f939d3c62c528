import type { Contender } from '../contenders/contender.ts';
import { Generators, type SharedPlan, WRITE_KEYS } from '../generator/generators.ts';
import type { ServerProcess } from '../server-process.ts';
import { startServer } from './start-server.ts';
import type { MeasureOptions } from './workload.ts';

/** Clients that only connect: of so many workspaces, so many each. */
export type Crowd = Pick<SharedPlan, 'workspaces' | 'clientsEach'>;

/** Runs with a server of its own, and ends it and all generators that were made. */
export async function withServer<R>(
  contender: Contender,
  options: MeasureOptions,
  run: (server: ServerProcess, crowd: (crowd: Crowd) => Generators) => Promise<R>,
): Promise<R> {
  const server = await startServer(contender, options);
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
    await server.stop();
  }
}
