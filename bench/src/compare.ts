import './own-session.ts';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Command, Option } from 'commander';
import { CONTENDERS } from './contenders/index.ts';
import { boundsOf } from './report/bounds.ts';
import type { Comparison, MeasuredWorkload } from './report/comparison.ts';
import { writeResults, writeTables } from './report/results.ts';
import { tablesOf } from './report/table.ts';
import { measureWorkload } from './run-comparison.ts';
import { WORKLOADS } from './workloads/index.ts';

const wholeNumber = (text: string) => Number.parseInt(text, 10);
const options = new Command('bench')
  .description(
    'Compares a sync pod with a bare server and with other servers of its kind: each in turn, with the same clients.',
  )
  .addOption(new Option('--only <workload...>', 'measure just these').choices(WORKLOADS.map(({ name }) => name)))
  .addOption(new Option('--contender <name...>', 'measure just these').choices(CONTENDERS.map(({ name }) => name)))
  .option('--seconds <n>', 'how long a load is measured, after 2 s of warm-up', wholeNumber, 3)
  .option(
    '--rounds <n>',
    'how often the floor and EtherPly are measured; unset: as often as the workload says',
    wholeNumber,
  )
  .option('--generators <n>', 'processes of the load generator', wholeNumber, Math.max(1, availableParallelism() - 1))
  .option('--profile <directory>', 'write CPU profiles of the pod there, for speedscope or the inspector of a browser')
  .option('--results <directory>', 'write latest.json, latest.md and latest.svg there')
  .option('--document <file>', 'put the tables into this Markdown file, where it has marks for them')
  .option('--json', 'print the result as JSON')
  .parse()
  .opts<{
    only?: string[];
    contender?: string[];
    seconds: number;
    rounds?: number;
    generators: number;
    profile?: string;
    results?: string;
    document?: string;
    json?: boolean;
  }>();

const progress = (line: string) => void process.stderr.write(`${line}\n`);
const contenders = CONTENDERS.filter(({ name }) => options.contender?.includes(name) ?? true);
const about = contenders.map(({ name, version, configuration, guarantees }) => ({
  name,
  version,
  configuration,
  guarantees,
}));
// Whatever else runs takes its share, so that one sees whether it can be relied on.
const load = loadavg()[0]?.toFixed(1);
const machine = `${availableParallelism()} cores (${cpus()[0]?.model}), Node.js ${process.versions.node}, load average before ${load}`;
const begin = performance.now();
const workloads: MeasuredWorkload[] = [];
for (const workload of WORKLOADS) {
  if (options.only?.includes(workload.name) === false) continue;
  const wanted = options.rounds === undefined ? workload : { ...workload, rounds: options.rounds };
  workloads.push(await measureWorkload(wanted, contenders, options, progress));
}
progress(`measured in ${((performance.now() - begin) / 60_000).toFixed(1)} minutes`);

const comparison: Comparison = {
  at: new Date().toISOString(),
  machine,
  contenders: about,
  workloads,
  // A pod that is profiled is slower.
  bounds: options.profile === undefined ? boundsOf(about, workloads) : [],
};
if (options.results !== undefined) await writeResults(options.results, comparison);
if (options.document !== undefined) await writeTables(options.document, comparison);
process.stdout.write(options.json ? `${JSON.stringify(comparison, null, 2)}\n` : `${tablesOf(comparison)}\n`);
const hasFailed = workloads.some(({ results }) => results.some((result) => 'hasFailed' in result && result.hasFailed));
process.exitCode = hasFailed || comparison.bounds.some(({ met }) => !met) ? 1 : 0;
