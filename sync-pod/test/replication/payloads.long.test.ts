import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type LiveMessage, StreamUnavailableError } from '../../src/replication/stream.ts';
import { NatsServer } from '../nats-server.ts';
import { until } from '../pod.ts';
import { NatsProxy } from './nats-proxy.ts';
import { StreamView } from './stream-view.ts';
import { bytesOf, TestStream, workspace } from './test-stream.ts';

const MAX_PAYLOAD = 65_536;
/** The most that goes in without an object. */
const MOST = MAX_PAYLOAD - 1024;
const LARGE = 300_000;
/** More than the client waits for anything. */
const BOUND_MS = 8000;

let server: NatsServer;
let one: TestStream;
let view: StreamView;
beforeEach(async () => {
  server = await NatsServer.start(`max_payload: ${MAX_PAYLOAD}`);
  one = await TestStream.open(server.url);
  view = await StreamView.open(server.url);
});
afterEach(async () => {
  await view.close();
  await one.close();
  await server.stop();
});

const publish = (id: string, length: number, name = 'w') =>
  one.stream.publish(workspace(name), { id, bytes: bytesOf(length, id.length) });

/** Later than what has been kept until now, by the clock that says when that was. */
async function later(): Promise<number> {
  const now = Date.now();
  await until(async () => Date.now() > now);
  return Date.now();
}

describe('a message that is too large for the server', () => {
  test('comes back as it was, live and read, also at the very bound', async () => {
    const longest = `a.b:${'x'.repeat(124)}`;
    const live: LiveMessage[] = [];
    one.stream.subscribe(workspace(longest), (message) => live.push(message));
    const lengths = [MOST, MOST + 1, MAX_PAYLOAD, LARGE, 1];
    const after = { id: 'x'.repeat(64), sequence: 1 };
    for (const [n, length] of lengths.entries()) {
      const message = { id: `${n}`.repeat(64), bytes: bytesOf(length, n) };
      await one.stream.publish(workspace(longest), n === 0 ? { ...message, rollup: 'summary', after } : message);
    }
    await until(async () => live.length === lengths.length);
    const read = await one.read(workspace(longest));
    expect(read).toHaveLength(lengths.length);
    for (const [n, length] of lengths.entries()) {
      for (const message of [live[n], read[n]]) {
        expect(Buffer.compare((await message?.content()) ?? Buffer.of(), bytesOf(length, n))).toBe(0);
      }
    }
    expect((await view.objects()).toSorted()).toEqual(['1', '2', '3'].map((n) => n.repeat(64)));
  });

  test('keeps its place among the calls before and after it', async () => {
    const lengths = [1, LARGE, 2, 3, LARGE + 1, LARGE + 2, 4];
    const numbers = await Promise.all(lengths.map((length) => publish(`of-${length}`, length)));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    const read = await one.read(workspace('w'));
    expect(read.map(({ id }) => id)).toEqual(lengths.map((length) => `of-${length}`));
  });

  test('goes in once, whoever publishes it', async () => {
    const other = await TestStream.open(server.url);
    const bytes = bytesOf(LARGE);
    const numbers = await Promise.all(
      [one, other, one].map(({ stream }) => stream.publish(workspace('w'), { id: 'same', bytes })),
    );
    await other.close();
    expect(new Set(numbers).size).toBe(1);
    const [message, ...rest] = await one.read(workspace('w'));
    expect(rest).toEqual([]);
    expect(Buffer.compare((await message?.content()) ?? Buffer.of(), bytes)).toBe(0);
  });

  test('of which the object is gone is unavailable', async () => {
    await publish('large', LARGE);
    const [message] = await one.read(workspace('w'));
    expect(await one.stream.payloads.deleteOlderThan('large', await later())).toBe(true);
    await expect((async () => message?.content())()).rejects.toThrow(StreamUnavailableError);
  });

  test('of which the object has lost its content is unavailable in bounded time', async () => {
    await publish('large', LARGE);
    const [message] = await one.read(workspace('w'));
    await view.removePieces();
    const started = performance.now();
    await expect((async () => message?.content())()).rejects.toThrow(StreamUnavailableError);
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
  });

  test('is unavailable in bounded time where the connection is cut, and comes once it is back', async () => {
    await publish('large', LARGE);
    const proxy = await NatsProxy.start(server.port, () => 'passes');
    const behind = await TestStream.open(proxy.url);
    const [message] = await behind.read(workspace('w'));
    // Cut at every step on the way to the object: its description, its consumer, its first pieces.
    for (const passing of [0, 1, 2, 3, 5]) {
      proxy.blockAfter(passing);
      const started = performance.now();
      await expect((async () => message?.content())()).rejects.toThrow(StreamUnavailableError);
      expect(performance.now() - started).toBeLessThan(BOUND_MS);
      proxy.unblock();
      await behind.connected();
    }
    expect(Buffer.compare((await message?.content()) ?? Buffer.of(), bytesOf(LARGE, 'large'.length))).toBe(0);
    await behind.close();
    await proxy.stop();
  });
});

describe('a sweep', () => {
  test('deletes the objects that no message names, and no others', async () => {
    await publish('named', LARGE);
    await publish('elsewhere', LARGE, 'a.b:c');
    await publish('gone', LARGE, 'rolled');
    await one.stream.publish(workspace('rolled'), { id: 'sum', bytes: bytesOf(1), rollup: 'summary' });
    await one.stream.payloads.put('never', 'etherply.ops.w.w', bytesOf(10));
    await one.stream.payloads.put('empty', 'etherply.ops.nobody.nobody', bytesOf(10));
    expect(await one.stream.sweepPayloads(await later())).toBe(3);
    expect((await view.objects()).toSorted()).toEqual(['elsewhere', 'named']);
    expect(await one.stream.sweepPayloads(await later())).toBe(0);
    for (const name of ['w', 'a.b:c']) {
      const [message] = await one.read(workspace(name));
      expect(await message?.content()).toHaveLength(LARGE);
    }
  });

  test('finds what is named beyond one batch', async () => {
    await publish('first', LARGE);
    await Promise.all(Array.from({ length: 600 }, (_, n) => publish(`small-${n}`, 1)));
    await publish('last', LARGE);
    await one.stream.payloads.put('never', 'etherply.ops.w.w', bytesOf(10));
    expect(await one.stream.sweepPayloads(await later())).toBe(1);
    expect((await view.objects()).toSorted()).toEqual(['first', 'last']);
  });

  test('deletes nothing that is not older than its bound', async () => {
    await one.stream.payloads.put('older', 'etherply.ops.w.w', bytesOf(10));
    const bound = await later();
    await one.stream.payloads.put('younger', 'etherply.ops.w.w', bytesOf(10));
    expect(await one.stream.sweepPayloads(bound)).toBe(1);
    expect(await view.objects()).toEqual(['younger']);
  });

  test('leaves what has been kept again since it looked', async () => {
    await one.stream.payloads.put('again', 'etherply.ops.w.w', bytesOf(10));
    const bound = await later();
    const [old] = await one.stream.payloads.olderThan(bound);
    expect(old).toMatchObject({ name: 'again' });
    await one.stream.payloads.put('again', 'etherply.ops.w.w', bytesOf(10));
    expect(await one.stream.payloads.deleteOlderThan('again', bound)).toBe(false);
    expect(await one.stream.payloads.get('again')).toEqual(bytesOf(10));
  });

  test('without objects, and without a connection', async () => {
    expect(await one.stream.sweepPayloads(await later())).toBe(0);
    await server.end('SIGKILL');
    await until(async () => !one.stream.isConnected);
    const started = performance.now();
    await expect(one.stream.sweepPayloads(await later())).rejects.toThrow(StreamUnavailableError);
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
  });
});

test('a bucket that somebody deletes is made again for what comes next', async () => {
  await publish('before', LARGE);
  const connection = await connect({ servers: server.url });
  await (await jetstreamManager(connection)).streams.delete('OBJ_etherply-payloads');
  await connection.close();
  await expect(publish('large', LARGE)).rejects.toThrow(StreamUnavailableError);
  await one.connected();
  await publish('large', LARGE);
  const [, message] = await one.read(workspace('w'));
  expect(Buffer.compare((await message?.content()) ?? Buffer.of(), bytesOf(LARGE, 'large'.length))).toBe(0);
});
