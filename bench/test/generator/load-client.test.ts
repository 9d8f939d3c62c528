import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type WebSocket, WebSocketServer } from 'ws';
import { LoadClient } from '../../src/generator/load-client.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';

/** A client that is ready with the first frame, and for which each other one is an ack. */
const protocolWith = (window: number, beyondWindow: Protocol['beyondWindow']): Protocol => ({
  credit: 'ack',
  window,
  beyondWindow,
  client: (_identity, events) => {
    let isReady = false;
    return {
      path: (query) => `/?${query}`,
      hello: () => [],
      write: (dueAt) => `${dueAt}`,
      receive: () => {
        if (isReady) events.acked(1);
        isReady = true;
        events.ready();
      },
    };
  },
});

let server: WebSocketServer;
let socket: WebSocket;
let received: string[];
let acked: number[];

beforeEach(async () => {
  received = [];
  acked = [];
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (connection) => {
    socket = connection;
    connection.on('message', (message) => received.push(message.toString()));
    connection.send('first');
  });
});

afterEach(async () => {
  server.close();
  for (const connection of server.clients) connection.terminate();
  await once(server, 'close');
});

async function connected(protocol: Protocol): Promise<LoadClient> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const observer = {
    acked: (_client: LoadClient, dueAt: readonly number[]) => void acked.push(...dueAt),
    delivered: () => {},
    seen: () => {},
    closed: () => {},
  };
  const client = new LoadClient(protocol, { workspace: 0, n: 0 }, address.port, 'query', observer);
  await client.connect();
  return client;
}

/** Resolves when the server has received just these. */
async function untilReceived(...expected: string[]): Promise<void> {
  while (received.length < expected.length) await once(socket, 'message');
  expect(received).toEqual(expected);
}

test('writes that the protocol has no room for wait for acks, and keep the time at which they were due', async () => {
  const client = await connected(protocolWith(1, 'waits'));
  for (const dueAt of [10, 20, 30]) client.write(1, dueAt);
  await untilReceived('10');
  socket.send('ack');
  await untilReceived('10', '20');
  socket.send('ack');
  await untilReceived('10', '20', '30');
  expect(acked).toEqual([10, 20]);
  client.disconnect(false);
});

test('others are written at once', async () => {
  const client = await connected(protocolWith(1, 'is written'));
  client.write(2, 10);
  client.write(1, 20);
  await untilReceived('10', '10', '20');
  expect(acked).toEqual([]);
  client.disconnect(false);
});

test('what came until it was ready is counted, anew for each connection', async () => {
  const client = await connected(protocolWith(1, 'waits'));
  expect(client.firstBytes).toBe('first'.length);
  client.disconnect(false);
  await client.connect();
  expect(client.firstBytes).toBe('first'.length);
  client.disconnect(false);
});
