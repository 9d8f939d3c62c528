import './own-session.ts';
import { basename } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { hasSurrogates } from './code-points.ts';
import { NatsProcess } from './nats-process.ts';
import { progressBar } from './progress-bar.ts';
import { startReplicatedPods } from './replicated-pod.ts';
import { TextClient } from './text-client.ts';
import { differenceOf } from './text-difference.ts';
import { TextReplay } from './text-replay.ts';
import { readTrace, type Trace } from './trace.ts';
import { beginningOf, recordedText } from './trace-beginning.ts';
import { typingRuns } from './typing-runs.ts';

// Replays a recorded editing session as text of Automerge: stock clients of automerge-repo type it, each on a pod of its own, and
// must both have the recorded text in the end.

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return number;
}

const editsOf = ({ txns }: Trace) => txns.reduce((sum, { patches }) => sum + patches.length, 0);

const program = new Command('replay-text')
  .description(
    'Replays a recorded editing session as text of Automerge: two stock clients of automerge-repo, each on a pod of its own, type it ' +
      'and must both have the recorded text in the end. What one alone has written is typed by one, and watched by the other.',
  )
  .argument(
    '<trace>',
    'JSON file, as it is or gzipped: {startContent, endContent, txns: [{patches}]}, or a concurrent one',
  )
  .option('--edits <n>', 'type only the beginning, so many edits', positive)
  .option(
    '--group <n>',
    'type up to so many transactions as one change, where nobody else builds on what is between',
    positive,
    20,
  )
  .option('--json', 'print the report as JSON')
  .parse();

const { edits: limit, group, json } = program.opts<{ edits?: number; group: number; json?: boolean }>();
const [path = ''] = program.args;
const whole = await readTrace(path).catch((error: Error) => program.error(error.message));
const trace = limit === undefined ? whole : beginningOf(whole, limit);
const runs = typingRuns(trace, group);
const edits = editsOf(trace);
const recorded = recordedText(whole, trace);
const start = trace.kind === 'sequential' ? trace.startContent : '';
const inserted = trace.txns.flatMap(({ patches }) => patches.map(([, , text]) => text));
const surrogates = [start, ...inserted].some(hasSurrogates);

const nats = await NatsProcess.start();
const [first, second] = await startReplicatedPods(nats, 2, { ETHERPLY_REPO_SYNC: 'true' });
if (first === undefined || second === undefined) throw new Error('there are no two pods');
const bar = progressBar('edits');
try {
  const one = await TextClient.create(
    { name: 'the client on the first pod', pod: first, hasSurrogates: surrogates },
    start,
  );
  const two = await TextClient.open(
    { name: 'the client on the second pod', pod: second, hasSurrogates: surrogates },
    one,
  );
  const begin = performance.now();
  bar.start(edits, 0);
  await new TextReplay([one, two], runs, (count) => bar.increment(count)).run();
  const seconds = (performance.now() - begin) / 1000;
  bar.stop();
  const clients = [one, two].map(({ name, text }) => ({ name, difference: differenceOf(text, recorded ?? one.text) }));
  const report = {
    trace: basename(path),
    kind: trace.kind,
    edits,
    transactions: trace.txns.length,
    changes: runs.length,
    mostTransactionsInAChange: group,
    seconds,
    editsPerSecond: edits / seconds,
    // Of the beginning of a concurrent trace no text is recorded: then they are compared with each other.
    comparedWith: recorded === undefined ? 'each other' : 'the recorded text',
    clientsAreEqual: clients.every(({ difference }) => difference === undefined),
  };
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    process.stdout.write(
      `${report.trace}, ${report.kind}: ${edits} edits, ${report.transactions} transactions in ${report.changes} changes (up to ${group} in one)\n` +
        `${seconds.toFixed(1)} s: ${report.editsPerSecond.toFixed(0)} edits/s\n` +
        (report.clientsAreEqual ? `both clients are equal to ${report.comparedWith}\n` : ''),
    );
  }
  for (const { name, difference } of clients) {
    if (difference !== undefined) process.stderr.write(`${name} DIFFERS: ${difference}\n`);
  }
  process.exitCode = report.clientsAreEqual ? 0 : 1;
  for (const client of [one, two]) await client.end();
} catch (error) {
  program.error(error instanceof Error ? error.message : String(error));
} finally {
  await Promise.all([first.stop(), second.stop()]);
  await nats.stop();
}
