import { afterEach, describe, expect, test } from '@jest/globals';
import { StreamUnavailableError } from '../../src/replication/stream.ts';
import { type Checkpoint, NO_CHECKPOINT } from '../../src/workspace/replica/checkpoint.ts';
import { Replica } from '../../src/workspace/replica/replica.ts';
import { StreamComparison } from '../../src/workspace/replica/stream-comparison.ts';
import { UnpublishedBudget } from '../../src/workspace/replica/unpublished-budget.ts';
import { NatsServer } from '../nats-server.ts';
import { until } from '../pod.ts';
import { NatsProxy } from './nats-proxy.ts';
import { StreamView } from './stream-view.ts';
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
  return replicaOn(one);
}

/** A stream that keeps what comes, with these messages of the workspace. */
async function keep(...ids: string[]): Promise<void> {
  nats = await NatsServer.start();
  one = await TestStream.open(nats.url);
  for (const id of ids) await put(id);
}

const put = (id: string, rollup?: 'summary') => one.stream.publish(workspace('w'), { id, bytes: bytesOf(3), rollup });

function replicaOn({ stream }: TestStream, checkpoint: Checkpoint = NO_CHECKPOINT): Replica {
  comparison = new StreamComparison();
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
  return new Replica(workspace('w'), replication, checkpoint, false, edge);
}

/** So long that a message is on its way by then, and too short for another try. */
const SHORT_MS = 100;

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

test('what has come back is in, also where its publication is never answered', async () => {
  nats = await NatsServer.start();
  const proxy = await NatsProxy.start(nats.port, () => 'passes');
  one = await TestStream.open(proxy.url);
  const replica = replicaOn(one);
  replica.inbox.open();
  await replica.inbox.catchUp();
  proxy.blockAfter(1); // the live message comes before the answer
  expect(await replica.publishNext(bytesOf(3), undefined, SHORT_MS)).toBe(true);
  expect(one.stream.isConnected).toBe(false);
  expect(replica.mark).toMatchObject({ sequence: 1 });
  await proxy.stop();
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

describe('another stream, in which another message has the number of the last one', () => {
  let proxy: NatsProxy;
  let other: TestStream;
  afterEach(async () => {
    await other.close();
    await proxy.stop();
  });

  /** A pod that knows a stream with one message, and can reach another one with one message since. */
  async function meetAnother(): Promise<Replica> {
    nats = await NatsServer.start();
    proxy = await NatsProxy.start(nats.port);
    one = await TestStream.open(proxy.url);
    const replica = replicaOn(one);
    replica.inbox.open();
    expect(await publish(replica)).toBe(true);
    proxy.block();
    await until(async () => !one.stream.isConnected);
    comparison.interrupted();
    await nats.end('SIGKILL');
    await nats.clearStore();
    await nats.restart();
    other = await TestStream.open(nats.url);
    await publishOther('first');
    proxy.unblock();
    await one.connected();
    return replica;
  }

  const publishOther = (id: string) => other.stream.publish(workspace('w'), { id, bytes: bytesOf(3, id.length) });

  test('the one that follows is not taken for the next', async () => {
    const replica = await meetAnother();
    await publishOther('second');
    await until(async () => replica.isLost);
    await until(async () => !replica.inbox.isEmpty);
    expect(replica.inbox.first?.message.id).toBe('first');
  });

  test('nothing is published right after it', async () => {
    const replica = await meetAnother();
    const summary = replica.publishNext(bytesOf(5), 'summary', 1000);
    expect(await summary).toBe(false);
    expect(replica.inbox.first?.message.id).toBe('first');
    expect((await other.read(workspace('w'))).map(({ id }) => id)).toEqual(['first']);
  });
});

describe('a summary of messages that have been taken in', () => {
  /** A pod that has the first of these messages. */
  async function meet(...ids: string[]): Promise<Replica> {
    await keep(...ids);
    return withFirst();
  }

  const withFirst = () =>
    replicaOn(one, { ...NO_CHECKPOINT, marks: new Map([['etherply', { sequence: 1, id: 'first' }]]) });

  /** What an administrator, or a server that ends before it has purged what it should, does to the stream. */
  async function view(change: (view: StreamView) => Promise<void>): Promise<void> {
    const opened = await StreamView.open(nats.url);
    await change(opened);
    await opened.close();
  }

  const summarize = (id: string, sequence?: number) =>
    view((stream) => stream.summarize('w', { id: 'summary', after: { id, sequence } }));

  /** What has come in, and whether it says nothing new. */
  function* arrivals({ inbox }: Replica): Iterable<[string, boolean]> {
    for (let arrival = inbox.first; arrival !== undefined; arrival = inbox.first) {
      yield [arrival.message.id, arrival.isKnown];
      inbox.take();
    }
  }

  test.each([1, undefined])('says nothing new, where it names the number %p', async (sequence) => {
    const replica = await meet('first');
    await replica.inbox.catchUp();
    await summarize('first', sequence);
    await replica.inbox.catchUp();
    expect(replica.inbox.isEmpty).toBe(true);
    expect(replica.mark).toMatchObject({ id: 'summary' });
  });

  test('may say what was purged before they were read', async () => {
    const replica = await meet('first', 'second', 'third');
    await summarize('third', 3);
    await view((stream) => stream.deleteMessage(2));
    await replica.inbox.catchUp();
    expect([...arrivals(replica)]).toEqual([
      ['third', false],
      ['summary', false],
    ]);
  });

  // It may have been purged, and then all before it was read but for the summary.
  test('may say so also where the pod that read them has started again since', async () => {
    await meet('first');
    await summarize('first', 1);
    const replica = withFirst();
    await replica.inbox.catchUp();
    expect([...arrivals(replica)]).toEqual([['summary', false]]);
  });

  test('says more where the one before it is another one of the same id', async () => {
    const replica = await meet('first');
    await replica.inbox.catchUp();
    await summarize('first', 7);
    await replica.inbox.catchUp();
    expect([...arrivals(replica)]).toEqual([['summary', false]]);
  });
});

describe('what has come in and cannot be taken', () => {
  test('is read again, and what stands for it by then', async () => {
    await keep('first', 'second');
    const replica = replicaOn(one);
    await replica.inbox.catchUp();
    replica.giveBack(new StreamUnavailableError('its content is gone'));
    expect(replica.inbox.isEmpty).toBe(true);
    expect(replica.inbox.behind).toMatchObject({ message: 'its content is gone' });
    await put('summary', 'summary');
    await replica.inbox.catchUp();
    expect(replica.inbox.first?.message.id).toBe('summary');
    expect(replica.inbox.behind).toBeUndefined();
  });

  test('is read again where it is given back while more is read', async () => {
    await keep('first');
    const replica = replicaOn(one);
    await replica.inbox.catchUp();
    await put('second');
    const reading = replica.inbox.catchUp();
    replica.giveBack(new StreamUnavailableError('its content is gone'));
    await expect(reading).rejects.toThrow('its content is gone');
    await replica.inbox.catchUp();
    expect(replica.inbox.first?.message.id).toBe('first');
  });
});

describe('a workspace that is closed', () => {
  async function closing(): Promise<Replica> {
    await keep();
    const replica = replicaOn(one);
    await replica.inbox.catchUp();
    await put('first');
    return replica;
  }

  test('takes in nothing that an audit would find', async () => {
    const replica = await closing();
    replica.close();
    await replica.inbox.audit();
    expect(replica.inbox.isEmpty).toBe(true);
  });

  test('takes in nothing that is being read', async () => {
    const replica = await closing();
    const reading = replica.inbox.catchUp();
    replica.close();
    await reading;
    expect(replica.inbox.isEmpty).toBe(true);
  });
});
