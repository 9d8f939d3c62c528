import { lacksCheapClients } from './lacks.ts';
import { loadWorkload } from './load-workload.ts';

export const hot = loadWorkload(
  {
    name: 'hot',
    title: 'One hot workspace with 200 clients',
    how: 'each client writes once a second (open loop): 200 ops/s, 39,800 deliveries a second',
    chart: 'deliveryP99',
    rounds: 1,
  },
  { workspaces: 1, clientsEach: 200, load: { writesPerSecond: 200 } },
  lacksCheapClients,
);

export const fanOut = loadWorkload(
  {
    name: 'fan-out',
    title: 'Fan-out, 1 → 1,500',
    how: 'one client writes 20 ops/s, 1,499 others receive (open loop): 29,980 deliveries a second',
    chart: 'deliveryP99',
    rounds: 1,
  },
  { workspaces: 1, clientsEach: 1500, writersEach: 1, load: { writesPerSecond: 20 } },
  lacksCheapClients,
);
