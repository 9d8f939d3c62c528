import { resolve } from 'node:path';
import type { Contender } from '../contenders/contender.ts';
import { ServerProcess } from '../server-process.ts';
import type { MeasureOptions } from './workload.ts';

/** A contender with an empty data directory; EtherPly writes its CPU profile when it ends, where one is wanted. */
export function startServer(contender: Contender, { profile }: MeasureOptions): Promise<ServerProcess> {
  const isProfiled = profile !== undefined && contender.name === 'etherply';
  const nodeOptions = isProfiled ? ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`] : [];
  return ServerProcess.start(contender, {}, undefined, nodeOptions);
}
