import { cluster } from './cluster.ts';
import { coldStart } from './cold-start.ts';
import { fanOut, hot } from './crowds.ts';
import { growthOfHistory, growthOfKeys } from './growth.ts';
import { idle } from './idle.ts';
import { joins } from './joins.ts';
import { presence } from './presence.ts';
import { reconnects } from './reconnects.ts';
import { fast, saturated, slow } from './small-workspaces.ts';
import type { Workload } from './workload.ts';

/** In the order in which they are measured and shown. */
export const WORKLOADS: readonly Workload[] = [
  saturated,
  slow,
  fast,
  hot,
  fanOut,
  presence,
  idle,
  reconnects,
  joins,
  coldStart,
  growthOfKeys,
  growthOfHistory,
  cluster,
];
