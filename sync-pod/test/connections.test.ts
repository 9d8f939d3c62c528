import { afterEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { freePort, Pod, type TestClient, token, until } from './pod.ts';

let pod: Pod;
afterEach(() => pod.stop());

test('a client that does not read is closed with 4408; the others and the server go on', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_PENDING_BYTES: '1000000' } });
  const [slow, writer, reader] = [await pod.connect('slow'), await pod.connect('slow'), await pod.connect('slow')];
  await slow.take('init');
  slow.socket.pause();
  let sent = 0;
  // The operating system buffers some megabytes on its own.
  for (; (await pod.metric('etherply_rejected_total{reason="too_slow"}')) === 0; sent += 20) {
    for (let n = 0; n < 20; n += 1) writer.send({ type: 'op', payload: { key: 'key', value: 'x'.repeat(50_000) } });
    for (let acked = 0; acked < 20; ) acked += Number((await writer.take('ack')).count);
  }
  // What is written after that is not kept for it. It must read on within seconds, or the socket is cut.
  const more = 20;
  for (let n = 0; n < more; n += 1) await writer.set('key', `${n} ${'x'.repeat(50_000)}`);
  expect(await pod.metric('etherply_pending_bytes')).toBeLessThan(1_100_000);
  slow.socket.resume();
  expect(await slow.closed()).toBe(4408);
  for (let n = 0; n < sent + more; n += 1) await reader.take('op');
  expect(reader.closeCode).toBeUndefined();
});

test('a state larger than the bound of the send buffer is sent whole, also while others write', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_PENDING_BYTES: '100000' } });
  const writer = await pod.connect('large');
  const value = 'x'.repeat(500_000);
  for (let n = 0; n < 20; n += 1) await writer.set(`key-${n}`, value);
  const late = await pod.connect('large');
  late.socket.pause();
  for (let n = 0; n < 50; n += 1) await writer.set('counter', n);
  late.socket.resume();
  const { data } = await late.take('init');
  expect(Object.keys(data).filter((key) => key !== 'counter')).toHaveLength(20);
  await writer.set('counter', 'done');
  let counter = data.counter;
  while (counter !== 'done') {
    const { payload } = await late.take('op');
    expect(payload.key).toBe('counter');
    if ('value' in payload) counter = payload.value;
  }
});

test('a connection whose other end has gone without a word is closed; one that answers pings is not', async () => {
  pod = await Pod.start({ env: { ETHERPLY_PING_SECONDS: '8' } });
  const url = `ws://127.0.0.1:${pod.port}/v1/sync/half?token=${await token()}`;
  const gone = new WebSocket(url, { autoPong: false });
  const alive = await pod.connect('half');
  await new Promise((resolve) => gone.on('close', resolve));
  expect(alive.closeCode).toBeUndefined();
  await alive.set('still', 'here');
  await until(async () => (await pod.metric('etherply_connections')) === 1);
});

test('1,000 clients that come back at once after a crash all get what they missed', async () => {
  pod = await Pod.start({ env: { PORT: await freePort() } });
  const COUNT = 1000;
  const workspaceOf = (n: number) => `herd-${n % 20}`;
  const heads: string[] = [];
  for (let w = 0; w < 20; w += 1) {
    const writer = await pod.connect(workspaceOf(w));
    for (let n = 0; n < 20; n += 1) await writer.set(`key-${n}`, n);
    heads.push(String((await writer.set('last', 0)).heads));
    await writer.set('missed', w);
  }
  const everyone = (query: (n: number) => Record<string, string>) =>
    Promise.all(Array.from({ length: COUNT }, (_, n) => pod.connect(workspaceOf(n), query(n))));
  const before = await everyone(() => ({}));
  const dropped = before.map((client: TestClient) => client.closed());
  await pod.end('SIGKILL');
  await Promise.all(dropped);
  await pod.restart();
  const after = await everyone((n) => ({ heads: heads[n % 20] ?? '' }));
  for (const [n, client] of after.entries()) {
    const { ops } = await client.take('delta');
    expect(ops).toEqual([expect.objectContaining({ key: 'missed', value: n % 20 })]);
  }
});

test('what a client writes before it has read its state is not lost to the others, and is answered in order', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_PENDING_BYTES: '100000' } });
  const writer = await pod.connect('hasty');
  for (let n = 0; n < 20; n += 1) await writer.set(`key-${n}`, 'x'.repeat(500_000));
  const hasty = await pod.connect('hasty', { token: await token({ sub: 'hasty' }) });
  hasty.socket.pause();
  hasty.send({ type: 'op', id: 'early', payload: { key: 'early', value: 1 } });
  for (let n = 0; n < 5; n += 1) hasty.send({ type: 'ping' });
  hasty.send({ type: 'presence', payload: 'hello' });
  await writer.set('meanwhile', 1);
  hasty.socket.resume();
  expect(await writer.take('op')).toMatchObject({ payload: { key: 'early' }, user_id: 'hasty' });
  await until(async () =>
    ['init', 'op', 'pong', 'ack'].every((type) => hasty.frames.some((frame) => frame.type === type)),
  );
  const at = (type: string) => hasty.frames.findIndex((frame) => frame.type === type);
  // The state, what others wrote meanwhile, and only then the answers.
  expect(at('init')).toBe(0);
  expect(Math.min(at('pong'), at('ack'))).toBeGreaterThan(at('op'));
  const ack = await hasty.take('ack');
  expect((await pod.read('hasty')).heads).toEqual(ack.heads);
});

test('a client that comes back with old heads gets a delta larger than the bound of the send buffer', async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_PENDING_BYTES: '100000' } });
  const writer = await pod.connect('delta');
  const { heads } = await writer.set('first', 1);
  for (let n = 0; n < 20; n += 1) await writer.set(`key-${n}`, 'x'.repeat(500_000));
  const back = await pod.connect('delta', { heads: String(heads) });
  back.socket.pause();
  for (let n = 0; n < 50; n += 1) await writer.set('counter', n);
  back.socket.resume();
  expect((await back.take('delta')).ops).toHaveLength(20);
  await writer.set('counter', 'done');
  for (let value: unknown; value !== 'done'; ) {
    const { payload } = await back.take('op');
    if ('value' in payload) value = payload.value;
  }
});
