import { fanOut, hot } from './crowds.ts';
import { fast, saturated, slow } from './small-workspaces.ts';
import type { Workload } from './workload.ts';

/** In the order in which they are measured and shown. */
export const WORKLOADS: readonly Workload[] = [saturated, slow, fast, hot, fanOut];
