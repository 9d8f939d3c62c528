import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { Pod, until } from './pod.ts';

let pod: Pod;
afterEach(() => pod.stop());

test('on a full disk ops are answered with unavailable, nothing acked is lost, and service resumes with space', async () => {
  pod = await Pod.start({ diskMegabytes: 48 });
  const [client, watcher] = [await pod.connect('full'), await pod.connect('full', { batch: '1' })];
  const acked = new Map<string, string>();
  const value = 'x'.repeat(100_000);
  const ballast = pod.pathInside('ballast');
  await writeFile(ballast, Buffer.alloc(24 << 20));
  for (let n = 0; ; n += 1) {
    client.send({ type: 'op', id: `${n}`, payload: { key: `key-${n}`, value: `${n} ${value}` } });
    const answer = await client.take('ack', 'error');
    if (answer.type === 'error') {
      expect(answer).toMatchObject({ code: 'unavailable', id: `${n}` });
      break;
    }
    acked.set(`key-${n}`, `${n} ${value}`);
  }
  expect(acked.size).toBeGreaterThan(10);
  expect(await pod.isReady()).toBe(false);
  await rm(ballast);
  await pod.ready();
  await until(async () => {
    client.send({ type: 'op', payload: { key: 'after', value: 'space' } });
    return (await client.take('ack', 'error')).type === 'ack';
  });
  const { data } = await (await pod.connect('full')).take('init');
  expect(data).toMatchObject({ ...Object.fromEntries(acked), after: 'space' });
  expect(watcher.closeCode).toBeUndefined();
});

test.each(['log', 'sst'])(
  'a damaged %s file keeps its shard closed with an error, and the others serve',
  async (kind) => {
    const dirs = await Pod.start({ shards: 2 });
    pod = dirs;
    const ids = Array.from({ length: 16 }, (_, i) => `ws-${i}`);
    for (const id of ids) {
      const client = await pod.connect(id);
      for (let n = 0; n < 5; n += 1) await client.set(`k${n}`, 'v'.repeat(500));
    }
    await pod.end('SIGKILL');
    if (kind === 'sst') {
      await pod.restart(); // opening turns the log into a table
      await pod.end('SIGTERM');
    }
    const dir = join(pod.dataDir, 'shard-0', 'rocksdb');
    const files = (await readdir(dir)).filter((name) => name.endsWith(`.${kind}`)).map((name) => join(dir, name));
    for (const file of files) {
      const bytes = await readFile(file);
      for (let i = 0; i < 200 && i < bytes.length; i += 1) bytes[bytes.length - 300 + i] = 0x5a;
      if (bytes.length > 300) await writeFile(file, bytes);
    }
    await pod.restart();
    const ready = await fetch(pod.url('/readyz'));
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/shard 0 .*damaged/);
    const served = await Promise.all(
      ids.map((id) =>
        pod.connect(id).then(
          async (client) => (await client.take('init')).data,
          () => 'refused',
        ),
      ),
    );
    expect(served).toContain('refused');
    const whole = served.filter((one) => one !== 'refused');
    expect(whole.length).toBeGreaterThan(0);
    for (const data of whole) expect(Object.keys(data as object)).toHaveLength(5);
  },
);

test('data directories that are swapped, left out or emptied are refused with what to do', async () => {
  pod = await Pod.start({ shards: 2 });
  await pod.end('SIGTERM');
  const [a, b] = [join(pod.dataDir, 'shard-0'), join(pod.dataDir, 'shard-1')];
  await expect(pod.restart({ ETHERPLY_DATA_DIRS: `${b},${a}` })).rejects.toThrow('in the same order');
  await expect(pod.restart({ ETHERPLY_DATA_DIRS: a })).rejects.toThrow('list the same directories');
  await rm(b, { recursive: true });
  await mkdir(b);
  await expect(pod.restart({ ETHERPLY_DATA_DIRS: `${a},${b}` })).rejects.toThrow('is empty');
});
