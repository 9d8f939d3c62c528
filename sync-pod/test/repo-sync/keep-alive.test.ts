import { splice } from '@automerge/automerge';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { freePort, Pod, token, until } from '../pod.ts';
import { StockClient } from './stock-client.ts';

let pod: Pod;
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true', PORT: await freePort() } });
});
afterEach(() => pod.stop());

test('an idle client is pinged and stays, one that does not answer is given up', async () => {
  const client = await StockClient.connect(pod);
  const handle = client.repo.create({ text: '' });
  await until(async () => 'text' in (await pod.read(handle.documentId)).data);
  const { socket } = client;
  let pings = 0;
  socket.on('ping', () => {
    pings += 1;
  });
  const silent = new WebSocket(`${pod.url('/v1/repo').replace('http', 'ws')}?token=${await token()}`, {
    autoPong: false,
  });
  let isPinged = false;
  silent.on('ping', () => {
    isPinged = true;
  });
  const closed = new Promise<number>((resolve) => silent.once('close', resolve));
  await until(async () => (await pod.metric('etherply_connections')) === 2);
  expect(await closed).toBe(1006);
  expect(isPinged).toBe(true);
  await until(async () => pings >= 3);
  expect(await pod.metric('etherply_connections')).toBe(1);
  expect(client.socket).toBe(socket);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  handle.change((doc) => splice(doc, ['text'], 0, 0, 'still here'));
  await until(async () => (await pod.read(handle.documentId)).data.text === 'still here');
  await client.end();
});
