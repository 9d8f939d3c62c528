import type { Contender } from '../contenders/contender.ts';
import { median } from '../median.ts';
import { cpuSeconds } from '../process-stats.ts';
import { writeKeys } from '../write-keys.ts';
import { withServer } from './with-server.ts';
import type { Column, Figures, MeasureOptions, Workload } from './workload.ts';

const MEASURED_OPS = 20_000;
const WARM_UP_OPS = 30_000;
const TIMES = 3;
const VALUE_BYTES = 10;
const HISTORY_KEYS = 100;

const KEYS = [10, 100, 1000, 10_000, 100_000];
const HISTORY = [1000, 10_000, 100_000, 1_000_000];

const columnsOf = (sizes: readonly number[]): Column[] =>
  sizes.map((size) => ({ key: `at${size}`, title: size.toLocaleString('en'), digits: 1 }));

/** What an op costs in workspaces of these sizes; `grow` makes one that much larger than it was. */
function costs(
  contender: Contender,
  options: MeasureOptions,
  sizes: readonly number[],
  workspaceOf: (size: number) => { readonly workspace: string; readonly keys: number; readonly missing: number },
): Promise<Figures> {
  return withServer(contender, options, async ({ port, pid }) => {
    const write = (workspace: string, ops: number, keys: number) =>
      writeKeys(port, workspace, { ops, keys, valueBytes: VALUE_BYTES });
    await write('warm-up', WARM_UP_OPS, HISTORY_KEYS);
    const figures: Record<string, number> = {};
    for (const size of sizes) {
      const { workspace, keys, missing } = workspaceOf(size);
      await write(workspace, missing, keys);
      const each: number[] = [];
      while (each.length < TIMES) {
        const before = cpuSeconds(pid);
        await write(workspace, MEASURED_OPS, keys);
        each.push(((cpuSeconds(pid) - before) / MEASURED_OPS) * 1e6);
      }
      figures[`at${size}`] = median(each);
    }
    return figures;
  });
}

const how = `EtherPly alone: server CPU µs an op, of a client that has 100 on their way; median of ${TIMES} times ${MEASURED_OPS.toLocaleString('en')} ops`;

export const growthOfKeys: Workload = {
  name: 'growth-keys',
  title: 'Cost of an op by keys of the workspace',
  how: `${how}; a workspace for each column`,
  columns: columnsOf(KEYS),
  chart: 'at100000',
  slowest: undefined,
  rounds: 1,
  only: ['etherply'],
  lacks: () => undefined,
  measure: (contender, options) =>
    costs(contender, options, KEYS, (keys) => ({ workspace: `keys-${keys}`, keys, missing: keys })),
};

export const growthOfHistory: Workload = {
  name: 'growth-history',
  title: 'Cost of an op by ops of history',
  how: `${how}; one workspace of ${HISTORY_KEYS} keys`,
  columns: columnsOf(HISTORY),
  chart: 'at1000000',
  slowest: undefined,
  rounds: 1,
  only: ['etherply'],
  lacks: () => undefined,
  measure: (contender, options) => {
    let written = 0;
    return costs(contender, options, HISTORY, (ops) => {
      const missing = Math.max(0, ops - written);
      written += missing + TIMES * MEASURED_OPS;
      return { workspace: 'history', keys: HISTORY_KEYS, missing };
    });
  },
};
