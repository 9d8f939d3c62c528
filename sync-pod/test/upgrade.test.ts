import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { Pod, TestClient, token } from './pod.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start({ env: { ETHERPLY_MAX_CONNECTIONS: '20' } });
});
afterAll(() => pod.stop());

const url = (path: string) => `ws://127.0.0.1:${pod.port}/v1/sync/${path}`;

/** How a server answers a request for an upgrade that it does not grant. */
function refusal(
  address: string,
): Promise<{ status: number | undefined; retryAfter: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address);
    socket.on('open', () => reject(new Error('the upgrade was granted')));
    socket.on('error', reject);
    socket.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'], body }),
      );
    });
  });
}

test.each([
  [400, 'bad_request', '%20', {}],
  [400, 'bad_request', 'a%2Fb', {}],
  [400, 'bad_request', 'a'.repeat(129), {}],
  [401, 'unauthorized', 'ws', undefined],
  [401, 'unauthorized', 'ws', { exp: 1 }],
  [403, 'permission_denied', 'ws', { scopes: ['write'] }],
  [403, 'permission_denied', 'ws', { workspaces: ['other', 'w-*'] }],
])('%d %s for workspace %s and claims %j', async (status, code, workspace, claims) => {
  const query = claims === undefined ? '' : `?token=${await token(claims)}`;
  const answer = await refusal(url(`${workspace}${query}`));
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toMatchObject({ error: { code, message: expect.any(String) } });
});

test('a percent-encoded workspace id is the decoded one', async () => {
  const plain = await pod.connect('acme:board~1');
  await plain.set('key', 'value');
  const encoded = await TestClient.open(url(`acme%3Aboard%7E1?token=${await token()}`));
  expect(await encoded.take('init')).toMatchObject({ workspace_id: 'acme:board~1', data: { key: 'value' } });
  for (const client of [plain, encoded]) client.close();
});

test('a token comes in the header or as second subprotocol, too; the session id is in the answer', async () => {
  const header = new WebSocket(url('ws'), { headers: { authorization: `Bearer ${await token()}` } });
  const [sessionId, init] = await Promise.all([
    new Promise((resolve) => {
      header.on('upgrade', (response) => resolve(response.headers['x-session-id']));
    }),
    new Promise((resolve) => {
      header.on('message', (data) => resolve(JSON.parse(String(data))));
    }),
  ]);
  expect(init).toMatchObject({ type: 'init', session_id: sessionId });
  header.close();
  const protocol = new WebSocket(url('ws'), ['etherply.v1', await token()]);
  await new Promise((resolve) => {
    protocol.on('open', resolve);
  });
  expect(protocol.protocol).toBe('etherply.v1');
  protocol.close();
});

test('a pod with all the connections that it may have answers 503 and when to retry', async () => {
  const clients = [];
  for (let i = 0; i < 20; i += 1) clients.push(await pod.connect('full'));
  const answer = await refusal(url(`full?token=${await token()}`));
  expect(answer.status).toBe(503);
  expect(Number(answer.retryAfter)).toBeGreaterThan(0);
  for (const client of clients) client.close();
  await Promise.all(clients.map((client) => client.closed()));
});

// uWebSockets.js closed some of the connections that were upgraded after an await: see CorkAnchor.
test('no connection is closed after its upgrade', async () => {
  const { socket } = await TestClient.open(url(`kept?token=${await token()}`));
  for (let i = 0; i < 300; i += 1) {
    const client = await pod.connect('kept');
    await client.set('key', i);
    client.close();
    expect(await client.closed()).toBe(1005);
  }
  expect(socket.readyState).toBe(WebSocket.OPEN);
  expect(pod.output).not.toContain('Warning');
});

test('a port that is in use is said to be', async () => {
  await expect(Pod.start({ env: { PORT: String(pod.port) } })).rejects.toThrow(
    /ended with 2: cannot listen .*port is in use/,
  );
});
