import { afterEach, expect, test } from '@jest/globals';
import { StreamUnavailableError } from '../../src/replication/stream.ts';
import { NO_CHECKPOINT } from '../../src/workspace/checkpoint.ts';
import { Replica } from '../../src/workspace/replica.ts';
import { StreamComparison } from '../../src/workspace/stream-comparison.ts';
import { UnpublishedBudget } from '../../src/workspace/unpublished-budget.ts';
import { NatsServer } from '../nats-server.ts';
import { bytesOf, TestStream, workspace } from './test-stream.ts';

let nats: NatsServer;
let one: TestStream;
let comparison: StreamComparison;
afterEach(async () => {
  await one.close();
  await nats.stop();
});

/** One workspace of a pod whose stream keeps only what some pod lacks. */
async function open(): Promise<Replica> {
  nats = await NatsServer.start();
  one = await TestStream.open(nats.url, { retention: 'interest' });
  comparison = new StreamComparison();
  const { stream } = one;
  const ignore = () => undefined;
  const replication = {
    stream,
    facts: () => stream.facts(),
    tellLoss: () => stream.tellLoss(),
    budget: new UnpublishedBudget(1 << 20),
    ack: 'replicated',
    observer: { received: ignore, gap: ignore, rolledUp: ignore, recovered: ignore },
    comparison,
    lacks: ignore,
  } as const;
  const edge = { arrived: ignore, published: ignore, failed: ignore };
  return new Replica(workspace('w'), replication, NO_CHECKPOINT, false, edge);
}

const publish = (replica: Replica) => replica.publishNext(bytesOf(3), undefined, Number.POSITIVE_INFINITY);

test('what has to be the next message waits until the stream has been compared', async () => {
  const replica = await open();
  const published = publish(replica);
  comparison.found(comparison.session, true);
  expect(await published).toBe(true);
});

// The comparison waits for the workspace, which waits for this.
test('it does not wait for ever', async () => {
  await expect(publish(await open())).rejects.toThrow(StreamUnavailableError);
});

test('while the stream is away it waits for that', async () => {
  const replica = await open();
  comparison.found(comparison.session, true);
  await nats.end('SIGKILL');
  const published = publish(replica);
  comparison.interrupted();
  await nats.restart();
  await one.connected();
  comparison.found(comparison.session, true);
  expect(await published).toBe(true);
});

test('a pod tells the others of a loss that it has found', async () => {
  await open();
  expect((await one.stream.facts()).losses).toEqual([]);
  await one.stream.tellLoss();
  const { losses } = await one.stream.facts();
  expect(losses).toHaveLength(1);
  await one.stream.tellLoss();
  expect((await one.stream.facts()).losses).not.toEqual(losses);
  const other = await TestStream.open(nats.url, { retention: 'interest' });
  expect((await other.stream.facts()).losses).toEqual((await one.stream.facts()).losses);
  await other.close();
});
