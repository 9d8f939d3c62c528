import type { Contender } from './contenders/contender.ts';
import { median } from './median.ts';
import type { MeasuredWorkload, WorkloadResult } from './report/comparison.ts';
import type { Figures, MeasureOptions, Workload } from './workloads/workload.ts';

/** Those that a bound compares: measured in turns, so that a machine whose speed drifts treats both alike. */
const PACED = ['floor', 'etherply'];

/** Measures a workload for each contender, on a server of its own each time. */
export async function measureWorkload(
  workload: Workload,
  all: readonly Contender[],
  options: MeasureOptions,
  progress: (line: string) => void,
): Promise<MeasuredWorkload> {
  const { name, title, how, columns, chart, slowest, rounds } = workload;
  const contenders = all.filter((contender) => workload.only?.includes(contender.name) ?? true);
  const paced = contenders.filter((contender) => PACED.includes(contender.name));
  const others = contenders.filter((contender) => !paced.includes(contender));
  const measured = new Map<string, Figures[]>();
  const reasons = new Map<string, string>();
  const failures = new Map<string, string>();
  const turns = [...Array.from({ length: rounds }, () => paced).flat(), ...others];
  for (const contender of turns) {
    const reason = (await contender.missing()) ?? workload.lacks(contender);
    if (reason !== undefined) {
      reasons.set(contender.name, reason);
      continue;
    }
    progress(`${name}: ${contender.name}`);
    try {
      const figures = await workload.measure(contender, options);
      measured.set(contender.name, [...(measured.get(contender.name) ?? []), figures]);
    } catch (error) {
      // The others are measured all the same; the table and the exit code tell of it.
      const text = error instanceof Error ? error.message : String(error);
      progress(`${name}: ${contender.name} failed: ${text}`);
      failures.set(contender.name, `failed: ${text}`);
    }
  }
  const results = contenders.map(({ name: contender }): WorkloadResult => {
    const failure = failures.get(contender);
    if (failure !== undefined) return { contender, reason: failure, hasFailed: true };
    const rounded = measured.get(contender);
    if (rounded !== undefined) return { contender, figures: medians(rounded) };
    return { contender, reason: reasons.get(contender) ?? 'it was not measured', hasFailed: false };
  });
  return { name, title, how, columns, chart, slowest, results };
}

/** Of each figure; of what is lost or in disorder, all. */
function medians(rounds: readonly Figures[]): Figures {
  const [first = {}] = rounds;
  const values = (key: string) => rounds.map((figures) => figures[key] ?? Number.NaN);
  const isSummed = (key: string) => ['lost', 'disordered', 'closed'].includes(key);
  return Object.fromEntries(
    Object.keys(first).map((key) => [
      key,
      isSummed(key) ? values(key).reduce((sum, value) => sum + value, 0) : median(values(key)),
    ]),
  );
}
