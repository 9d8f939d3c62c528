import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../process-stats.ts';
import { withCrowds } from './with-crowds.ts';
import type { Workload } from './workload.ts';

const WORKSPACES = 50;
/** The first ones have code compiled and caches filled. */
const SETTLED_EACH = 20;
const MORE_EACH = 60;
const AT_ONCE = 16;
const SETTLE_MS = 500;

export const idle: Workload = {
  name: 'idle',
  title: 'Idle connections',
  how: `what ${WORKSPACES * MORE_EACH} connections to ${WORKSPACES} workspaces add to the resident memory of a server that has ${WORKSPACES * SETTLED_EACH}`,
  columns: [
    { key: 'kibibytes', title: 'KiB a connection', digits: 1 },
    { key: 'perSecond', title: 'connections/s', digits: 0 },
    { key: 'serverMegabytes', title: 'server MB', digits: 0 },
  ],
  chart: 'kibibytes',
  slowest: undefined,
  rounds: 1,
  lacks: () => undefined,
  measure: (contender, options) =>
    withCrowds(contender, options, async ({ pid }, crowd) => {
      await crowd({ workspaces: WORKSPACES, clientsEach: SETTLED_EACH }).connect(AT_ONCE);
      await sleep(SETTLE_MS);
      const before = residentBytes(pid);
      const begin = performance.now();
      const { milliseconds } = await crowd({ workspaces: WORKSPACES, clientsEach: MORE_EACH }).connect(AT_ONCE);
      const seconds = (performance.now() - begin) / 1000;
      await sleep(SETTLE_MS);
      const after = residentBytes(pid);
      return {
        kibibytes: (after - before) / milliseconds.length / 1024,
        perSecond: milliseconds.length / seconds,
        serverMegabytes: after / 1e6,
      };
    }),
};
