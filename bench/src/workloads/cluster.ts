import { etherply } from '../contenders/etherply.ts';
import { NatsProcess } from '../nats-process.ts';
import { startReplicatedPods } from '../replicated-pod.ts';
import { LOAD_COLUMNS, measureServers } from './load-workload.ts';
import type { Workload } from './workload.ts';

const PODS = 3;
const SHAPE = { workspaces: 12, clientsEach: 4, load: { window: 32 } };

export const cluster: Workload = {
  name: 'cluster',
  title: 'Three pods and NATS',
  how: 'EtherPly alone: ops acked when JetStream has them; 12 workspaces × 4 clients, each workspace on one of three pods, 32 writes of each client on their way; CPU and memory of the pods together',
  columns: LOAD_COLUMNS,
  chart: 'opsPerSecond',
  slowest: undefined,
  rounds: 1,
  only: ['etherply'],
  lacks: () => undefined,
  measure: async (_contender, options) => {
    const nats = await NatsProcess.start();
    const pods = await startReplicatedPods(nats, PODS);
    try {
      return await measureServers(etherply, pods, SHAPE, options);
    } finally {
      await Promise.all(pods.map((pod) => pod.stop()));
      await nats.stop();
    }
  },
};
