import { measureColdStart } from '../cold-start.ts';
import type { Workload } from './workload.ts';

export const coldStart: Workload = {
  name: 'cold-start',
  title: 'Cold start with 100,000 workspaces',
  how: 'EtherPly alone: from the start of the process until it is ready',
  columns: [
    { key: 'emptyMs', title: 'with none ms', digits: 0 },
    { key: 'fullMs', title: 'with 100,000 on disk ms', digits: 0 },
  ],
  chart: 'fullMs',
  slowest: undefined,
  rounds: 1,
  only: ['etherply'],
  lacks: () => undefined,
  measure: async () => ({ ...(await measureColdStart(() => {})) }),
};
