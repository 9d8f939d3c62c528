import { atMost, type Bound } from './bound.ts';
import { benchToken } from './contenders/etherply.ts';
import { measureLoad } from './measure-load.ts';
import { median } from './median.ts';
import { NatsProcess } from './nats-process.ts';
import { startReplicatedPods } from './replicated-pod.ts';
import type { ReplicationOptions } from './replicated-throughput.ts';

/** In each workspace one client writes, and the other one, on the next pod, reads. */
const offered = {
  workspaces: 30,
  clientsEach: 2,
  writersEach: 1,
  placement: 'apart',
  load: { writesPerSecond: 3000 },
} as const;

/** How long an op takes from a client of one pod to a client of another. */
export async function crossPodLatencyBound({ rounds, seconds, progress }: ReplicationOptions): Promise<Bound> {
  progress('30 workspaces over 3 pods, writer and reader on different ones, 3,000 ops/s offered (open loop)');
  const query = `token=${await benchToken()}`;
  const p99s: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const nats = await NatsProcess.start();
    const servers = await startReplicatedPods(nats, 3);
    try {
      const plan = { ...offered, servers, query, seconds };
      p99s.push((await measureLoad('three pods', plan, progress)).delivery.p99);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await nats.stop();
    }
  }
  return atMost(50, 'p99 to another pod', median(p99s), 'ms');
}
