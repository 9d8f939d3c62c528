import { loadWorkload } from './load-workload.ts';

const WINDOW = 32;

export const saturated = loadWorkload(
  {
    name: 'small-saturated',
    title: 'Many small workspaces, at saturation',
    how: `10 workspaces × 4 clients, each with ${WINDOW} writes on their way (closed loop)`,
    chart: 'opsPerSecond',
    rounds: 3,
  },
  { workspaces: 10, clientsEach: 4, load: { window: WINDOW } },
);

/** The same at a rate that is given. */
const offered = (writesPerSecond: number) =>
  loadWorkload(
    {
      name: `small-${writesPerSecond}`,
      title: `Many small workspaces, ${writesPerSecond.toLocaleString('en')} ops/s offered`,
      how: `50 workspaces × 4 clients; latency counts from when a write is due (open loop)`,
      chart: 'serverCpuPerOp',
      rounds: 2,
    },
    { workspaces: 50, clientsEach: 4, load: { writesPerSecond } },
  );

export const slow = offered(2000);
export const fast = offered(10_000);
