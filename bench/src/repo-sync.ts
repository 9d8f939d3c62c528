import './own-session.ts';
import { availableParallelism, loadavg } from 'node:os';
import { Command, Option } from 'commander';
import { type Bound, reportBounds } from './bound.ts';
import { joinBounds } from './repo-sync-join.ts';
import { editBounds, rateBound } from './repo-sync-latency.ts';

const WORKLOADS = ['edits', 'rate', 'join'] as const;
/** Nothing takes longer; whatever still runs ends then. */
const LIMIT_MINUTES = 10;

const wholeNumber = (text: string) => Number.parseInt(text, 10);
const options = new Command('bounds-repo')
  .description(
    'Holds a sync pod against @automerge/automerge-repo-sync-server, side by side, with the same automerge-repo clients.',
  )
  .addOption(new Option('--only <workload>', 'make just this one').choices(WORKLOADS))
  .option('--rounds <n>', 'how often each is measured; medians count', wholeNumber, 3)
  .option('--seconds <n>', 'how long edits are measured, after 10 s of warm-up', wholeNumber, 10)
  .option('--profile <directory>', 'write CPU profiles of the pod there')
  .option('--json', 'print the result as JSON')
  .parse()
  .opts<{
    only?: (typeof WORKLOADS)[number];
    rounds: number;
    seconds: number;
    profile?: string;
    json?: boolean;
  }>();

const progress = (line: string) => void process.stderr.write(`${line}\n`);
const isWanted = (workload: (typeof WORKLOADS)[number]) => (options.only ?? workload) === workload;
const measurement = { ...options, profile: options.profile, progress };

setTimeout(() => {
  progress(`it takes longer than ${LIMIT_MINUTES} minutes`);
  process.exit(1);
}, LIMIT_MINUTES * 60_000).unref();

// Whatever else runs takes its share, so that one sees whether it can be relied on.
progress(`${availableParallelism()} cores, load average before: ${loadavg()[0]?.toFixed(1)}`);
const bounds: Bound[] = [];
if (isWanted('edits')) bounds.push(...(await editBounds(measurement)));
if (isWanted('rate')) bounds.push(await rateBound(measurement));
if (isWanted('join')) bounds.push(...(await joinBounds(measurement)));
reportBounds(bounds, options.json === true);
