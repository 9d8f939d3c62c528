import './own-session.ts';
import { Command, Option } from 'commander';
import { type Bound, reportBounds } from './bound.ts';
import { coldStartBound } from './cold-start.ts';
import { largeWorkspaceBounds } from './large-workspace.ts';
import { memoryBounds } from './memory.ts';
import { presenceBound } from './presence.ts';
import { throughputBounds } from './throughput.ts';

const MEASUREMENTS = ['throughput', 'memory', 'large', 'presence', 'start'] as const;

const wholeNumber = (text: string) => Number.parseInt(text, 10);
const options = new Command('bounds')
  .description('Measures a sync pod, where it can side by side with a bare uWebSockets.js server, against its bounds.')
  .addOption(new Option('--only <measurement>', 'make just this measurement').choices(MEASUREMENTS))
  .option('--rounds <n>', 'how often throughput and latency are measured; medians count', wholeNumber, 3)
  .option('--seconds <n>', 'how long each of these takes, after 3 s of warm-up', wholeNumber, 5)
  .addOption(
    new Option('--frames <form>', 'how clients receive: each op in a frame of its own, or batches (?batch=1)')
      .choices(['op', 'ops'])
      .default('op'),
  )
  .option('--json', 'print the result as JSON')
  .parse()
  .opts<{
    only?: (typeof MEASUREMENTS)[number];
    rounds: number;
    seconds: number;
    frames: 'op' | 'ops';
    json?: boolean;
  }>();

const progress = (line: string) => void process.stderr.write(`${line}\n`);
const isWanted = (measurement: (typeof MEASUREMENTS)[number]) => (options.only ?? measurement) === measurement;

const bounds: Bound[] = [];
if (isWanted('throughput')) bounds.push(...(await throughputBounds({ ...options, progress })));
if (isWanted('memory')) bounds.push(...(await memoryBounds(progress)));
if (isWanted('large')) bounds.push(...(await largeWorkspaceBounds(progress)));
if (isWanted('presence')) bounds.push(await presenceBound(progress));
if (isWanted('start')) bounds.push(await coldStartBound(progress));

reportBounds(bounds, options.json === true);
