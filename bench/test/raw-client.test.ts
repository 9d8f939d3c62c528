import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { WebSocketServer } from 'ws';
import { RawClient } from '../src/raw-client.ts';

test('frames of every length come whole, sent and received, text and binary, and a ping has its pong', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 3_000_000];
  const pong = new Promise<string>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('pong', (data) => resolve(data.toString()));
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.ping('ping');
    });
  });
  const received: Buffer[] = [];
  let onAll = () => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const client = await RawClient.connect(address.port, '/', (frame) => {
    received.push(Buffer.from(frame));
    if (received.length === 2 * sizes.length) onAll();
  });
  client.send(sizes.flatMap((size) => ['x'.repeat(size), Buffer.alloc(size, 7)]));
  await all;
  expect(received.map((frame) => frame.length)).toEqual(sizes.flatMap((size) => [size, size]));
  for (const [n, frame] of received.entries())
    expect(frame.every((byte) => byte === (n % 2 === 0 ? 120 : 7))).toBe(true);
  expect(await pong).toBe('ping');
  client.close();
  server.close();
  await once(server, 'close');
});
