import './own-session.ts';
import { availableParallelism, loadavg } from 'node:os';
import { Command, Option } from 'commander';
import { type Bound, reportBounds } from './bound.ts';
import { coldOpenBounds } from './cold-open.ts';
import { crossPodLatencyBound } from './cross-pod-latency.ts';
import { replicatedThroughputBounds } from './replicated-throughput.ts';
import { subscriptionBound } from './subscriptions.ts';

const MEASUREMENTS = ['throughput', 'latency', 'open', 'subscriptions'] as const;

const wholeNumber = (text: string) => Number.parseInt(text, 10);
const options = new Command('bounds-replication')
  .description('Measures pods that replicate through a nats-server, all on this machine, against their bounds.')
  .addOption(new Option('--only <measurement>', 'make just this measurement').choices(MEASUREMENTS))
  .option('--rounds <n>', 'how often throughput and latency are measured; medians count', wholeNumber, 3)
  .option('--seconds <n>', 'how long each of these takes, after 3 s of warm-up', wholeNumber, 5)
  .option('--json', 'print the result as JSON')
  .parse()
  .opts<{ only?: (typeof MEASUREMENTS)[number]; rounds: number; seconds: number; json?: boolean }>();

const progress = (line: string) => void process.stderr.write(`${line}\n`);
const isWanted = (measurement: (typeof MEASUREMENTS)[number]) => (options.only ?? measurement) === measurement;

// Whatever else runs takes its share, so that one sees whether it can be relied on.
progress(`${availableParallelism()} cores, load average before: ${loadavg()[0]?.toFixed(1)}`);
const bounds: Bound[] = [];
if (isWanted('throughput')) bounds.push(...(await replicatedThroughputBounds({ ...options, progress })));
if (isWanted('latency')) bounds.push(await crossPodLatencyBound({ ...options, progress }));
if (isWanted('open')) bounds.push(...(await coldOpenBounds(progress)));
if (isWanted('subscriptions')) bounds.push(await subscriptionBound(progress));
reportBounds(bounds, options.json === true);
