import { atLeast, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import type { LoadResult } from './generator/run-load.ts';
import { measureLoad } from './measure-load.ts';
import { median } from './median.ts';
import { NatsProcess } from './nats-process.ts';
import { startReplicatedPods } from './replicated-pod.ts';
import { ServerProcess } from './server-process.ts';

const CONTENDERS = ['local', 'replicated', 'three pods'] as const;
type Contender = (typeof CONTENDERS)[number];

export interface ReplicationOptions {
  /** How often each contender is measured; medians count. */
  readonly rounds: number;
  /** Of each measurement. */
  readonly seconds: number;
  readonly progress: (line: string) => void;
}

/** As many workspaces on each of three pods. */
const saturated = { workspaces: 12, clientsEach: 4, load: { window: 32 } };

/** What replication costs a pod, and what three pods on this one machine carry together; in turns, with the same load. */
export async function replicatedThroughputBounds(options: ReplicationOptions): Promise<Bound[]> {
  options.progress('12 workspaces × 4 clients, window 32 (closed loop)');
  const rates: Record<Contender, number[]> = { local: [], replicated: [], 'three pods': [] };
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of CONTENDERS) {
      rates[contender].push((await measure(contender, options)).opsPerSecond);
    }
  }
  const ratio = (one: Contender, other: Contender) => median(rates[one]) / median(rates[other]);
  return [
    atLeast(0.8, 'replicated throughput', ratio('replicated', 'local'), '× a pod without NATS'),
    atLeast(0.6, 'three pods together', ratio('three pods', 'replicated'), '× one replicated pod'),
  ];
}

async function measure(contender: Contender, options: ReplicationOptions): Promise<LoadResult> {
  if (contender === 'local') {
    const pod = await ServerProcess.start(etherply, { ETHERPLY_ACK: 'local' });
    try {
      return await load(contender, [pod], options);
    } finally {
      await pod.stop();
    }
  }
  const nats = await NatsProcess.start();
  const pods = await startReplicatedPods(nats, contender === 'replicated' ? 1 : 3);
  try {
    return await load(contender, pods, options);
  } finally {
    await Promise.all(pods.map((pod) => pod.stop()));
    await nats.stop();
  }
}

async function load(contender: Contender, servers: ServerProcess[], { seconds, progress }: ReplicationOptions) {
  const query = `token=${await benchToken()}`;
  return measureLoad(contender, { ...saturated, servers, query, seconds }, progress);
}
