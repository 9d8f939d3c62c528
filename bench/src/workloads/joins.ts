import { median } from '../median.ts';
import { peakMegabytes } from '../process-stats.ts';
import { lacksDocuments } from './lacks.ts';
import { rush, withCrowds } from './with-crowds.ts';
import type { Workload } from './workload.ts';

const CLIENTS = 150;
const KEYS = 4000;
const VALUE_BYTES = 1000;

export const joins: Workload = {
  name: 'joins',
  title: '150 joins of a 4 MB workspace at once',
  how: `${CLIENTS} clients connect at the same time to a workspace of ${KEYS} keys of ${VALUE_BYTES} bytes, that is in the server's memory; until each has the whole state`,
  columns: [
    { key: 'allMs', title: 'all have it ms', digits: 0 },
    { key: 'medianMs', title: 'half have it ms', digits: 0 },
    { key: 'serverCpuMs', title: 'server CPU ms', digits: 0 },
    { key: 'peakMegabytes', title: 'server peak MB', digits: 0 },
    { key: 'megabytes', title: 'MB sent', digits: 0 },
  ],
  chart: 'allMs',
  slowest: 'allMs',
  rounds: 1,
  lacks: lacksDocuments,
  measure: (contender, options) =>
    withCrowds(contender, options, async (server, crowd) => {
      const clients = crowd({ workspaces: 1, clientsEach: CLIENTS });
      await clients.fill(KEYS, VALUE_BYTES);
      const { milliseconds, ...figures } = await rush(clients, CLIENTS, server);
      return { ...figures, medianMs: median(milliseconds), peakMegabytes: peakMegabytes(server.pid) };
    }),
};
