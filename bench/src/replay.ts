import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { build } from 'hdr-histogram-js';
import { z } from 'zod';
import { BlockDocument, type BlockWrite, joinBlocks } from './block-document.ts';
import { RawClient } from './raw-client.ts';
import { benchToken, ServerProcess } from './server-process.ts';

// Replays a recorded editing session through a sync pod the way a block editor would: two writers take turns, a third client
// watches, and in the end the watcher and a client that comes anew must both have the recorded text.

/** A turn of a writer: so many messages on their way at once, before the other one goes on. */
const TURN_MESSAGES = 64;

const trace = z.object({
  startContent: z.string(),
  endContent: z.string(),
  txns: z.array(z.object({ patches: z.array(z.tuple([z.int(), z.int(), z.string()])) })),
});

const serverFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('init'), data: z.record(z.string(), z.unknown()) }),
  z.object({ type: z.literal('ack'), count: z.int() }),
  z.object({ type: z.literal('op'), payload: z.record(z.string(), z.unknown()) }),
  z.object({ type: z.literal('ops'), payload: z.array(z.record(z.string(), z.unknown())) }),
  z.object({ type: z.literal('presence') }),
]);

/** A client that applies what it is sent. */
class Client {
  readonly state = new Map<string, unknown>();
  readonly #raw: RawClient;
  #acked = 0;
  #seen = 0;
  #changed: () => void = () => {};

  private constructor(raw: RawClient) {
    this.#raw = raw;
  }

  static async open(port: number, workspace: string): Promise<Client> {
    const { raw, first } = await RawClient.openWithFirst(
      port,
      `/v1/sync/${workspace}?batch=1&token=${await benchToken()}`,
    );
    const client = new Client(raw);
    client.#received(first);
    raw.onFrame((frame) => client.#received(frame));
    return client;
  }

  /** Ops that others sent, as far as they have come. */
  get seen(): number {
    return this.#seen;
  }

  /** Sends messages at once and resolves when all their ops are acked; tells of each message how long that took, in µs. */
  async write(messages: readonly (readonly BlockWrite[])[], onAcked: (microseconds: number) => void): Promise<void> {
    const sentAt = performance.now();
    const before = this.#acked;
    this.#raw.send(messages.map(messageOf));
    let settled = 0;
    let ops = 0;
    while (settled < messages.length) {
      await this.until(() => this.#acked - before > ops);
      for (let next = messages[settled]; next !== undefined; next = messages[settled]) {
        if (ops + next.length > this.#acked - before) break;
        ops += next.length;
        settled += 1;
        onAcked(Math.round((performance.now() - sentAt) * 1000));
      }
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  close(): void {
    this.#raw.close();
  }

  #received(bytes: Buffer): void {
    const frame = serverFrame.parse(JSON.parse(bytes.toString()));
    if (frame.type === 'init') for (const [key, value] of Object.entries(frame.data)) this.state.set(key, value);
    else if (frame.type === 'ack') this.#acked += frame.count;
    else if (frame.type === 'op') this.#apply(frame.payload);
    else if (frame.type === 'ops') for (const op of frame.payload) this.#apply(op);
    this.#changed();
  }

  #apply(op: Record<string, unknown>): void {
    this.#seen += 1;
    if (op.deleted === true) this.state.delete(String(op.key));
    else this.state.set(String(op.key), op.value);
  }
}

function messageOf(writes: readonly BlockWrite[]): string {
  const payload = writes.map((write) => ('value' in write ? write : { ...write, deleted: true }));
  return JSON.stringify(payload.length === 1 ? { type: 'op', payload: payload[0] } : { type: 'ops', payload });
}

/** What each message of the session writes; the first one is what it starts with. */
function* messagesOf({ startContent, txns }: z.infer<typeof trace>): Iterable<BlockWrite[]> {
  const document = new BlockDocument(startContent);
  yield document.writes();
  for (const { patches } of txns) {
    for (const [position, deleted, inserted] of patches) yield document.splice(position, deleted, inserted);
  }
}

async function readTrace(path: string): Promise<z.infer<typeof trace>> {
  const bytes = await readFile(path);
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return trace.parse(JSON.parse((isPacked ? await promisify(gunzip)(bytes) : bytes).toString()));
}

const program = new Command('replay')
  .description('Replays a recorded editing session through a sync pod and compares what clients have in the end.')
  .argument('<trace>', 'JSON file, as it is or gzipped: {startContent, endContent, txns: [{patches}]}')
  .option('--json', 'print the report as JSON')
  .parse();

const [path = ''] = program.args;
const session = await readTrace(path).catch((error: Error) => program.error(`${path} is no trace: ${error.message}`));
const total = 1 + session.txns.reduce((sum, { patches }) => sum + patches.length, 0);
const server = await ServerProcess.start('etherply');
const bar = new SingleBar({
  format: '{bar} {percentage}% | {value}/{total} messages | {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: 5000,
});
try {
  const [one, two, watcher] = [
    await Client.open(server.port, 'replay'),
    await Client.open(server.port, 'replay'),
    await Client.open(server.port, 'replay'),
  ];
  const acks = build({ highestTrackableValue: 60_000_000 });
  const start = performance.now();
  bar.start(total, 0);
  let ops = 0;
  let writer = one;
  let turn: BlockWrite[][] = [];
  const write = async () => {
    await writer.write(turn, (microseconds) => acks.recordValue(microseconds));
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
  await watcher.until(() => watcher.seen === ops);
  const fresh = await Client.open(server.port, 'replay');
  const report = {
    messages: total,
    ops,
    seconds,
    opsPerSecond: ops / seconds,
    ackP50Ms: acks.getValueAtPercentile(50) / 1000,
    ackP99Ms: acks.getValueAtPercentile(99) / 1000,
    watcherIsEqual: joinBlocks(watcher.state) === session.endContent,
    freshIsEqual: joinBlocks(fresh.state) === session.endContent,
  };
  for (const client of [one, two, watcher, fresh]) client.close();
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
