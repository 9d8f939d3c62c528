import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../process-stats.ts';
import { type Generators, type Span, spanOf } from './generators.ts';

/** Clients that connect at the same time. */
const AT_ONCE = 16;

export interface MeasuredSpan extends Span {
  /** CPU time of the servers, and how long it lasted, in seconds. */
  readonly serverCpuSeconds: number;
  readonly seconds: number;
}

/**
 * Connects all clients, has them write, and measures once they are warm. They go on writing.
 * @param pids of the servers: their CPU time is read
 */
export async function measureSpan(
  generators: Generators,
  pids: readonly number[],
  { warmUpMs, measureMs }: { readonly warmUpMs: number; readonly measureMs: number },
): Promise<MeasuredSpan> {
  const serverCpu = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await generators.connect(AT_ONCE);
  await generators.tell('begin');
  await sleep(warmUpMs);
  await generators.tell('measure');
  const before = { counts: await generators.count(), cpu: serverCpu(), at: performance.now() };
  await sleep(measureMs);
  const span = spanOf(before.counts, await generators.count());
  const serverCpuSeconds = serverCpu() - before.cpu;
  const seconds = (performance.now() - before.at) / 1000;
  await generators.tell('measured');
  return { ...span, serverCpuSeconds, seconds };
}
