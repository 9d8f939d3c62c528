import './own-session.ts';
import { type Ack, type Client, connect } from '@etherply/client';
import { Command } from 'commander';
import { build } from 'hdr-histogram-js';
import { WebSocket } from 'ws';
import { BlockDocument, type BlockWrite, joinBlocks } from './block-document.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { progressBar } from './progress-bar.ts';
import { ServerProcess } from './server-process.ts';
import { readTrace, type SequentialTrace } from './trace.ts';

// Replays a recorded editing session through a sync pod the way a block editor would: two writers take turns, a third client
// watches, and in the end the watcher and a client that comes anew must both have the recorded text.

/** A turn of a writer: so many messages on their way at once, before the other one goes on. */
const TURN_MESSAGES = 64;

/** One message of the session; resolves when it is acked. */
function send(client: Client, writes: readonly BlockWrite[]): Promise<Ack> {
  return client.transact(writes.map((write) => ('value' in write ? write : { ...write, deleted: true })));
}

async function open(): Promise<Client> {
  const url = `ws://127.0.0.1:${server.port}`;
  const client = connect({ url, workspace: 'replay', token: await benchToken(), WebSocket });
  await client.ready();
  return client;
}

/** Resolves when the client has come to these heads. */
async function arrival(client: Client, heads: readonly string[]): Promise<void> {
  while (String(client.heads) !== String(heads)) {
    await new Promise<void>((resolve) => {
      const stop = client.on('change', () => {
        stop();
        resolve();
      });
    });
  }
}

const textOf = (client: Client) => joinBlocks(new Map(client.entries()));

/** What each message of the session writes; the first one is what it starts with. */
function* messagesOf({ startContent, txns }: SequentialTrace): Iterable<BlockWrite[]> {
  const document = new BlockDocument(startContent);
  yield document.writes();
  for (const { patches } of txns) {
    for (const [position, deleted, inserted] of patches) yield document.splice(position, deleted, inserted);
  }
}

const program: Command = new Command('replay')
  .description('Replays a recorded editing session through a sync pod and compares what clients have in the end.')
  .argument('<trace>', 'JSON file, as it is or gzipped: {startContent, endContent, txns: [{patches}]}')
  .option('--json', 'print the report as JSON')
  .parse();

const [path = ''] = program.args;
const session = await readTrace(path).catch((error: Error) => program.error(error.message));
if (session.kind === 'concurrent') program.error(`${path} is of several at once: make replay-text takes it`);
const total = 1 + session.txns.reduce((sum, { patches }) => sum + patches.length, 0);
const server = await ServerProcess.start(etherply);
const bar = progressBar('messages');
try {
  const [one, two, watcher] = [await open(), await open(), await open()];
  const acks = build({ highestTrackableValue: 60_000_000 });
  const start = performance.now();
  bar.start(total, 0);
  let ops = 0;
  let heads: readonly string[] = [];
  let writer = one;
  let turn: BlockWrite[][] = [];
  const write = async () => {
    const sentAt = performance.now();
    const acked = turn.map(async (writes) => {
      const ack = await send(writer, writes);
      acks.recordValue(Math.round((performance.now() - sentAt) * 1000));
      return ack;
    });
    heads = (await Promise.all(acked)).at(-1)?.heads ?? heads;
    ops += turn.reduce((sum, writes) => sum + writes.length, 0);
    bar.increment(turn.length);
    writer = writer === one ? two : one;
    turn = [];
  };
  for (const message of messagesOf(session)) {
    turn.push(message);
    if (turn.length === TURN_MESSAGES) await write();
  }
  if (turn.length > 0) await write();
  const seconds = (performance.now() - start) / 1000;
  bar.stop();
  await arrival(watcher, heads);
  const fresh = await open();
  const report = {
    messages: total,
    ops,
    seconds,
    opsPerSecond: ops / seconds,
    ackP50Ms: acks.getValueAtPercentile(50) / 1000,
    ackP99Ms: acks.getValueAtPercentile(99) / 1000,
    watcherIsEqual: textOf(watcher) === session.endContent,
    freshIsEqual: textOf(fresh) === session.endContent,
  };
  for (const client of [one, two, watcher, fresh]) await client.close();
  if (program.opts<{ json?: boolean }>().json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    const verdict = (isEqual: boolean) => (isEqual ? 'has the recorded text' : 'DIFFERS from the recorded text');
    process.stdout.write(
      `${report.messages} messages with ${ops} ops in ${seconds.toFixed(1)} s: ${report.opsPerSecond.toFixed(0)} ops/s\n` +
        `ack p50 ${report.ackP50Ms.toFixed(2)} ms, p99 ${report.ackP99Ms.toFixed(2)} ms (${TURN_MESSAGES} messages on their way at once)\n` +
        `the watcher ${verdict(report.watcherIsEqual)}; a new client ${verdict(report.freshIsEqual)}\n`,
    );
  }
  process.exitCode = report.watcherIsEqual && report.freshIsEqual ? 0 : 1;
} finally {
  await server.stop();
}
