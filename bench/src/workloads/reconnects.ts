import { lacksDocuments } from './lacks.ts';
import { rush, withCrowds } from './with-crowds.ts';
import type { Workload } from './workload.ts';

const WORKSPACES = 50;
const EACH = 40;
const KEYS = 100;
const VALUE_BYTES = 100;

export const reconnects: Workload = {
  name: 'reconnects',
  title: 'Reconnect storm of 2,000',
  how: `${WORKSPACES * EACH} clients of ${WORKSPACES} workspaces of ${KEYS} keys of ${VALUE_BYTES} bytes lose their connections and connect again, all at the same time: with nothing, and with what they had (heads)`,
  columns: [
    { key: 'allMs', title: 'all are back ms', digits: 0 },
    { key: 'serverCpuMs', title: 'server CPU ms', digits: 0 },
    { key: 'megabytes', title: 'MB sent', digits: 1 },
    { key: 'withHeadsAllMs', title: 'with heads: all are back ms', digits: 0 },
    { key: 'withHeadsServerCpuMs', title: 'server CPU ms', digits: 0 },
    { key: 'withHeadsMegabytes', title: 'MB sent', digits: 1 },
  ],
  chart: 'allMs',
  slowest: 'allMs',
  rounds: 1,
  lacks: lacksDocuments,
  measure: (contender, options) =>
    withCrowds(contender, options, async (server, crowd) => {
      const clients = crowd({ workspaces: WORKSPACES, clientsEach: EACH });
      await clients.fill(KEYS, VALUE_BYTES);
      const storm = async () => {
        const { milliseconds: _, ...figures } = await rush(clients, WORKSPACES * EACH, server);
        return figures;
      };
      await storm(); // it compiles code
      await clients.disconnect(false);
      const without = await storm();
      if (contender.protocol !== 'etherply') return without;
      await clients.disconnect(true);
      const { allMs, serverCpuMs, megabytes } = await storm();
      return { ...without, withHeadsAllMs: allMs, withHeadsServerCpuMs: serverCpuMs, withHeadsMegabytes: megabytes };
    }),
};
