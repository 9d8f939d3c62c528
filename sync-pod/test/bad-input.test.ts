import { connect } from 'node:net';
import { clientFrame } from '@etherply/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Pod, type TestClient, token } from './pod.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_MESSAGE_BYTES: '65536' } });
});
afterAll(() => pod.stop());

const read = async (workspace: string) => {
  const answer = await fetch(pod.url(`/v1/workspaces/${workspace}`), { headers: await pod.authorization() });
  return answer.text();
};

/** Frames that are nearly right, and anything else. */
const bent = fc.record(
  {
    type: fc.oneof(fc.constantFrom('op', 'ops', 'ping', 'auth', 'presence', 'init'), fc.jsonValue()),
    id: fc.oneof(fc.string({ maxLength: 80 }), fc.jsonValue()),
    payload: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          key: fc.oneof(fc.string({ maxLength: 300, unit: 'binary' }), fc.jsonValue()),
          value: fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })),
          deleted: fc.oneof(fc.boolean(), fc.jsonValue()),
          timestamp: fc.oneof(fc.double(), fc.jsonValue()),
        },
        { requiredKeys: [] },
      ),
      fc.array(fc.record({ key: fc.jsonValue(), value: fc.jsonValue() }, { requiredKeys: [] }), { maxLength: 3 }),
    ),
    token: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const frame = fc
  .oneof(
    bent.map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string({ unit: 'binary', maxLength: 100 }).map((text) => text.toWellFormed()),
    bent.chain((value) => fc.nat(40).map((cut) => JSON.stringify(value).slice(0, -1 - cut))),
  )
  .filter((text) => !isFrame(text));

function isFrame(text: string): boolean {
  try {
    return clientFrame.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

test('every malformed frame gets an error or the close code, and changes nothing', async () => {
  const writer = await pod.connect('fuzz');
  await writer.set('key', { before: true });
  const before = await read('fuzz');
  let client: TestClient | undefined;
  await fc.assert(
    fc.asyncProperty(frame, async (text) => {
      if (client === undefined || client.closeCode !== undefined) {
        client = await pod.connect('fuzz', { presence: '0' });
        await client.take('init');
      }
      client.send(text);
      expect(await client.take('error')).toMatchObject({ code: 'bad_request', payload: expect.any(String) });
      if (client.frames.length === 0 && client.closeCode === undefined) {
        // The tenth of a minute is followed by the end; a ping tells whether it was.
        client.send({ type: 'ping' });
        await client.take('pong').catch(() => expect(client?.closeCode).toBe(4400));
      }
    }),
    { numRuns: 500 },
  );
  expect(await read('fuzz')).toBe(before);
  await writer.set('key', 'after');
});

test('binary frames get an error', async () => {
  const client = await pod.connect('binary');
  client.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
  expect(await client.take('error')).toMatchObject({ code: 'bad_request' });
});

test('bytes that are no WebSocket frames end the connection and nothing else', async () => {
  const bystander = await pod.connect('bytes');
  const path = `/v1/sync/bytes?token=${await token()}`;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const socket = connect(pod.port, '127.0.0.1');
      socket.on('error', () => {}); // a reset is an end, too
      const ended = new Promise((resolve) => socket.on('close', resolve));
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      await new Promise((resolve) => socket.once('data', resolve));
      socket.end(bytes);
      socket.resume();
      await ended;
    }),
    { numRuns: 200 },
  );
  await bystander.set('still', 'here');
});

test.each([
  [65_537, 1009],
  [200_000, 1009],
  [1_000_000, 1006],
])('a message of %d bytes closes the connection with %d', async (bytes, code) => {
  const client = await pod.connect('large');
  client.send('x'.repeat(bytes));
  expect(await client.closed()).toBe(code);
});

test('a message of exactly the limit is taken', async () => {
  const client = await pod.connect('large');
  const empty = JSON.stringify({ type: 'op', payload: { key: 'k', value: '' } });
  client.send({ type: 'op', payload: { key: 'k', value: 'x'.repeat(65_536 - empty.length) } });
  expect(await client.take('ack')).toMatchObject({ count: 1 });
});

test('a body over the limit is refused with 413', async () => {
  const answer = await fetch(pod.url('/v1/workspaces/large/ops'), {
    method: 'POST',
    headers: await pod.authorization(),
    body: JSON.stringify({ key: 'k', value: 'x'.repeat(70_000) }),
  });
  expect(answer.status).toBe(413);
});
