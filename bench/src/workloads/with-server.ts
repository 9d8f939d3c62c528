import { resolve } from 'node:path';
import type { Contender } from '../contenders/contender.ts';
import { ServerProcess } from '../server-process.ts';
import type { MeasureOptions } from './workload.ts';

/**
 * Runs with a contender of its own that has an empty data directory, and ends it; EtherPly writes its CPU profile then, where one is
 * wanted.
 */
export async function withServer<R>(
  contender: Contender,
  { profile }: Pick<MeasureOptions, 'profile'>,
  run: (server: ServerProcess) => Promise<R>,
): Promise<R> {
  const isProfiled = profile !== undefined && contender.name === 'etherply';
  const nodeOptions = isProfiled ? ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`] : [];
  const server = await ServerProcess.start(contender, {}, undefined, nodeOptions);
  try {
    return await run(server);
  } finally {
    await server.stop();
  }
}
