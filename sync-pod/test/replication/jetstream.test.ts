import { LIMITS } from '@etherply/protocol';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  type LiveMessage,
  type StreamMessage,
  StreamUnavailableError,
  WrongSequenceError,
} from '../../src/replication/stream.ts';
import { NatsServer } from '../nats-server.ts';
import { freePort, until } from '../pod.ts';
import { NatsProxy } from './nats-proxy.ts';
import { StreamView } from './stream-view.ts';
import { bytesOf, TestStream, workspace } from './test-stream.ts';

/** More than the client waits for anything. */
const BOUND_MS = 8000;
const EVERY_CHARACTER = 'a.b:C.z@~-_0:9..';

let server: NatsServer;
let monitorUrl: string;
let one: TestStream;
const opened: { close: () => Promise<void> }[] = [];
const proxies: NatsProxy[] = [];

beforeEach(async () => {
  const monitorPort = await freePort();
  monitorUrl = `http://127.0.0.1:${monitorPort}`;
  server = await NatsServer.start(`max_payload: 8388608\nhttp: "127.0.0.1:${monitorPort}"`);
  one = await open(server.url);
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  for (const proxy of proxies.splice(0)) await proxy.stop();
  await server.stop();
});

async function open(url: string): Promise<TestStream> {
  const stream = await TestStream.open(url);
  opened.push(stream);
  return stream;
}

/** A proxy that lets everything through, and a stream behind it. */
async function openBehindProxy(): Promise<{ proxy: NatsProxy; behind: TestStream }> {
  const proxy = await NatsProxy.start(server.port, () => 'passes');
  proxies.push(proxy);
  return { proxy, behind: await open(proxy.url) };
}

/** Publishes messages `m-<from>` to `m-<to - 1>`, all at once; resolves with their numbers. */
function publishMany(name: string, from: number, to: number): Promise<number[]> {
  const ids = Array.from({ length: to - from }, (_, i) => from + i);
  return Promise.all(ids.map((n) => one.stream.publish(workspace(name), { id: `m-${n}`, bytes: bytesOf(10, n) })));
}

const idsOf = (messages: readonly { readonly id: string }[]) => messages.map(({ id }) => id);
const idsFrom = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `m-${from + i}`);

const connections = z.object({
  connections: z.array(z.object({ subscriptions_list: z.array(z.string()).default([]) })),
});

/** What the server's clients are subscribed to. */
async function subscriptions(): Promise<string[]> {
  const answer = await fetch(`${monitorUrl}/connz?subs=1`);
  return connections.parse(await answer.json()).connections.flatMap((each) => each.subscriptions_list);
}

/** Waits until no read's subscription is left, which it gives up without waiting for the server; gives those that last. */
async function lastingSubscriptions(): Promise<string[]> {
  let all: string[] = [];
  await until(async () => {
    all = await subscriptions();
    return all.every((subject) => subject.endsWith('.*'));
  });
  return all.toSorted();
}

describe('publish', () => {
  test('takes the same id once, and gives its number again', async () => {
    const first = await one.stream.publish(workspace('w'), { id: 'same', bytes: bytesOf(3) });
    const second = await one.stream.publish(workspace('w'), { id: 'same', bytes: bytesOf(3) });
    expect(second).toBe(first);
    expect(await one.read(workspace('w'))).toMatchObject([{ origin: 'etherply', sequence: first, id: 'same' }]);
  });

  test('with the wrong `expected` fails, and nothing goes in', async () => {
    const [bytes, id] = [bytesOf(3), 'late'];
    const first = await one.stream.publish(workspace('w'), { id: 'first', bytes, expected: 0 });
    await one.stream.publish(workspace('other'), { id: 'other', bytes });
    for (const expected of [0, first + 1]) {
      await expect(one.stream.publish(workspace('w'), { id, bytes, expected })).rejects.toThrow(WrongSequenceError);
    }
    expect(idsOf(await one.read(workspace('w')))).toEqual(['first']);
    await one.stream.publish(workspace('w'), { id, bytes, expected: first });
    expect(idsOf(await one.read(workspace('w')))).toEqual(['first', 'late']);
  });

  test('keeps the order of calls that do not wait for each other', async () => {
    const numbers = await Promise.all([publishMany('w', 0, 500), publishMany('v', 500, 1000)]);
    for (const each of numbers) expect(each).toEqual(each.toSorted((a, b) => a - b));
    expect(idsOf(await one.read(workspace('w')))).toEqual(idsFrom(0, 500));
    expect(idsOf(await one.read(workspace('v')))).toEqual(idsFrom(500, 1000));
  });

  test('carries what a rollup says, and leaves nothing of its subject before it', async () => {
    await publishMany('w', 0, 3);
    await one.stream.publish(workspace('other'), { id: 'other', bytes: bytesOf(1) });
    const after = { id: 'm-2', sequence: 3 };
    await one.stream.publish(workspace('w'), { id: 'sum', bytes: bytesOf(5), rollup: 'summary', after });
    const [summary, ...rest] = await one.read(workspace('w'));
    expect(summary).toMatchObject({ id: 'sum', rollup: 'summary', after });
    expect(rest).toEqual([]);
    await one.stream.publish(workspace('w'), { id: 'reset', bytes: bytesOf(1), rollup: 'reset' });
    expect(await one.read(workspace('w'))).toMatchObject([{ id: 'reset', rollup: 'reset', after: undefined }]);
    expect(idsOf(await one.read(workspace('other')))).toEqual(['other']);
  });

  test('without a connection fails at once', async () => {
    const { proxy, behind } = await openBehindProxy();
    proxy.block();
    await until(async () => !behind.stream.isConnected);
    await expect(behind.stream.publish(workspace('w'), { id: 'a', bytes: bytesOf(1) })).rejects.toThrow(
      StreamUnavailableError,
    );
    expect(behind.stream.problem).toContain('NATS');
  });

  test('into a server that does not answer fails in bounded time', async () => {
    await server.pause();
    const started = performance.now();
    await expect(one.stream.publish(workspace('w'), { id: 'a', bytes: bytesOf(1) })).rejects.toThrow(
      StreamUnavailableError,
    );
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
    server.resume();
  });
});

describe('read', () => {
  test('gives all messages of one workspace, in order, however many batches they need', async () => {
    await publishMany('w', 0, 700);
    await publishMany('other', 700, 710);
    const messages = await one.read(workspace('w'));
    expect(idsOf(messages)).toEqual(idsFrom(0, 700));
    for (const [n, { content }] of messages.entries()) expect(await content()).toEqual(bytesOf(10, n));
  });

  test('begins at a number, whosever that is', async () => {
    const numbers = await publishMany('w', 0, 600);
    const [foreign = 0] = await publishMany('other', 600, 601);
    await publishMany('w', 601, 900);
    expect(idsOf(await one.read(workspace('w'), numbers[300]))).toEqual([...idsFrom(300, 600), ...idsFrom(601, 900)]);
    expect(idsOf(await one.read(workspace('w'), foreign))).toEqual(idsFrom(601, 900));
    expect(await one.read(workspace('w'), foreign + 1000)).toEqual([]);
    expect(await one.read(workspace('unknown'))).toEqual([]);
  });

  test('gives messages of which a batch holds only some, and of which it holds none', async () => {
    for (const length of [1 << 20, 5 << 20]) {
      const large = workspace(`of-${length}`);
      // Not all at once: each must be in within the time that is given to one.
      for (let n = 0; n < 7; n++) await one.stream.publish(large, { id: `m-${length + n}`, bytes: bytesOf(length, n) });
      const messages = await one.read(large);
      expect(idsOf(messages)).toEqual(idsFrom(length, length + 7));
      for (const [n, { content }] of messages.entries()) {
        expect(Buffer.compare(await content(), bytesOf(length, n))).toBe(0);
      }
    }
  });

  test('of a connection that is cut gives what came, fails in bounded time, and leaves no subscription behind', async () => {
    await publishMany('w', 0, 600);
    const { proxy, behind } = await openBehindProxy();
    await behind.read(workspace('w')); // from now on it has the subscription for answers
    const before = await lastingSubscriptions();
    // The end of a batch is a message, too.
    for (const [passing, read] of [
      [0, 0],
      [100, 100],
      [400, 399],
    ] as const) {
      proxy.blockAfter(passing);
      const started = performance.now();
      const came: StreamMessage[] = [];
      const reading = async () => {
        for await (const message of behind.stream.read(workspace('w'), 'etherply', 1)) came.push(message);
      };
      await expect(reading()).rejects.toThrow(StreamUnavailableError);
      expect(idsOf(came)).toEqual(idsFrom(0, read));
      expect(performance.now() - started).toBeLessThan(BOUND_MS);
      proxy.unblock();
      await behind.connected();
      expect(idsOf(await behind.read(workspace('w')))).toEqual(idsFrom(0, 600));
    }
    expect(await lastingSubscriptions()).toEqual(before);
  });

  test('from a server that does not answer fails in bounded time', async () => {
    await server.pause();
    const started = performance.now();
    await expect(one.read(workspace('w'))).rejects.toThrow(StreamUnavailableError);
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
    server.resume();
  });

  test('that is given up in the middle leaves no subscription behind', async () => {
    await publishMany('w', 0, 600);
    const before = await lastingSubscriptions();
    for await (const { id } of one.stream.read(workspace('w'), 'etherply', 1)) if (id === 'm-300') break;
    expect(await lastingSubscriptions()).toEqual(before);
  });
});

describe('subscribe', () => {
  test('gives each message, and the number of the one before it', async () => {
    const live: LiveMessage[] = [];
    one.stream.subscribe(workspace('w'), (message) => live.push(message));
    const [first = 0] = await publishMany('w', 0, 1);
    await publishMany('other', 1, 2);
    const [second = 0] = await publishMany('w', 2, 3);
    await until(async () => live.length === 2);
    expect(live).toMatchObject([
      { origin: 'etherply', id: 'm-0', sequence: first, previous: 0 },
      { origin: 'etherply', id: 'm-2', sequence: second, previous: first },
    ]);
    expect(await live[1]?.content()).toEqual(bytesOf(10, 2));
  });

  test('gives no message of another workspace, whatever is in their ids', async () => {
    const longest = `${EVERY_CHARACTER}${'x'.repeat(LIMITS.workspaceIdLength - EVERY_CHARACTER.length)}`;
    const names = [EVERY_CHARACTER, longest, 'a', 'a.b', 'a:b', 'a.b:C', 'a:b.C', 'a-b', 'a_b', 'a~b', 'a@b'];
    const heard = new Map(names.map((name) => [name, [] as string[]]));
    for (const name of names) one.stream.subscribe(workspace(name), ({ id }) => heard.get(name)?.push(id));
    for (const name of names) await one.stream.publish(workspace(name), { id: `of ${name}`, bytes: bytesOf(1) });
    await until(async () => [...heard.values()].every(({ length }) => length > 0));
    for (const name of names) {
      expect(heard.get(name)).toEqual([`of ${name}`]);
      expect(idsOf(await one.read(workspace(name)))).toEqual([`of ${name}`]);
    }
  });

  test('can be called before the first connection, holds after a lost one, and ends', async () => {
    const proxy = await NatsProxy.start(server.port, () => 'passes');
    proxies.push(proxy);
    proxy.block();
    const early = await TestStream.begin(proxy.url);
    opened.push(early);
    const [heard, ended]: string[][] = [[], []];
    early.stream.subscribe(workspace('w'), ({ id }) => heard?.push(id));
    const endNever = early.stream.subscribe(workspace('w'), ({ id }) => ended?.push(id));
    endNever();
    const end = early.stream.subscribe(workspace('w'), ({ id }) => ended?.push(id));
    expect(early.stream.isConnected).toBe(false);
    proxy.unblock();
    await early.connected();
    await publishMany('w', 0, 1);
    await until(async () => heard?.length === 1 && ended?.length === 1);
    proxy.cut();
    await until(async () => early.told.length === 3);
    expect(early.told).toEqual(['connected', 'disconnected', 'connected']);
    end();
    await early.read(workspace('w')); // by then the server knows of it
    await publishMany('w', 1, 3);
    await until(async () => heard?.length === 3);
    expect([heard, ended]).toEqual([['m-0', 'm-1', 'm-2'], ['m-0']]);
  });

  test('hears nothing of what somebody else publishes there', async () => {
    const heard: string[] = [];
    one.stream.subscribe(workspace('w'), ({ id }) => heard.push(id));
    one.nats.connection?.publish('etherply.live.etherply.ops.w.w', 'not of the stream');
    await publishMany('w', 0, 1);
    await until(async () => heard.length > 0);
    expect(heard).toEqual(['m-0']);
  });
});

describe('the stream', () => {
  test('that somebody deletes is made again, and its user is told', async () => {
    const view = await StreamView.open(server.url);
    opened.push(view);
    for (const use of [() => publishMany('w', 0, 1), () => one.read(workspace('w')), () => one.stream.facts()]) {
      one.told.length = 0;
      const { created } = await one.stream.facts();
      await view.deleteStream();
      await expect(use()).rejects.toThrow(StreamUnavailableError);
      await until(async () => one.told.length === 2);
      expect(one.told).toEqual(['disconnected', 'connected']);
      expect(one.stream.problem).toBeUndefined();
      expect(await one.stream.facts()).toMatchObject({ lastSequence: 0 });
      expect((await one.stream.facts()).created).not.toBe(created);
    }
    await publishMany('w', 0, 1);
    expect(idsOf(await one.read(workspace('w')))).toEqual(['m-0']);
  });

  test('says when it was made, and its last number', async () => {
    const before = await one.stream.facts();
    expect(before.lastSequence).toBe(0);
    expect(Date.parse(before.created)).not.toBeNaN();
    const [last] = (await publishMany('w', 0, 5)).toReversed();
    expect(await one.stream.facts()).toEqual({ created: before.created, lastSequence: last, losses: [] });
    await server.end('SIGKILL');
    await until(async () => !one.stream.isConnected);
    await expect(one.stream.facts()).rejects.toThrow(StreamUnavailableError);
    await server.restart();
    await one.connected();
    expect(await one.stream.facts()).toEqual({ created: before.created, lastSequence: last, losses: [] });
  });
});
