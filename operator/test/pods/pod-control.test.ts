import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../../sync-pod/test/pod.ts';
import { PodControl, PodControlError } from '../../src/pods/pod-control.ts';

const POD = { ip: '127.0.0.1', token: 'the-token-of-the-cluster' };
const STATUS = {
  draining: false,
  connections: 3,
  unpublished_workspaces: 2,
  stream_connected: true,
  problems: ['the disk is full'],
  ops_per_second: 12.5,
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A control client, and a server in the place of a pod. */
async function podThat(answer: RequestListener, options: { timeoutMs?: number; parallel?: number } = {}) {
  const server: Server = createServer(answer).listen(0, POD.ip);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const control = new PodControl({ port: address.port, ...options });
  ends.push(() => {
    control.close();
    server.close();
    server.closeAllConnections();
  });
  return control;
}

const says =
  (text: string, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status).end(text);
  };

const endsAtOnce: RequestListener = (request) => request.socket.destroy();

const endsInTheMiddle: RequestListener = (_, response) => {
  response.writeHead(200, { 'content-length': '10' }).write('{');
  response.destroy();
};

/** The message of what it fails with. */
async function problemOf(asked: Promise<unknown>): Promise<string> {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PodControlError)) throw new Error(`expected a PodControlError, not ${error}`);
  return error.message;
}

test('what a pod says of itself', async () => {
  const control = await podThat((request, response) => {
    const isRight = request.headers.authorization === `Bearer ${POD.token}` && request.url === '/control/status';
    response.writeHead(isRight ? 200 : 400).end(JSON.stringify(STATUS));
  });
  expect(await control.status(POD)).toEqual({
    draining: false,
    connections: 3,
    unpublishedWorkspaces: 2,
    streamConnected: true,
    problems: ['the disk is full'],
    opsPerSecond: 12.5,
  });
});

test('draining and resuming are asked for as the pod takes them', async () => {
  const asked: string[] = [];
  const control = await podThat(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push(`${request.method} ${request.url} ${body}`);
    response.end(JSON.stringify({ ...STATUS, draining: true }));
  });
  expect(await control.drain(POD, 30)).toMatchObject({ draining: true });
  expect(await control.resume(POD)).toMatchObject({ connections: 3 });
  expect(asked).toEqual(['POST /control/drain {"seconds":30}', 'POST /control/resume ']);
});

describe('a pod of which nothing is known', () => {
  test.each([
    ['answers no JSON', says('<html>'), /no status/],
    ['answers something else', says('{"ok":true}'), /no status \(draining/],
    ['answers what cannot be', says(JSON.stringify({ ...STATUS, connections: -1 })), /no status \(connections/],
    ['answers too much', says('x'.repeat(100_000)), /more than 65536 bytes/],
    ['has another token', says('', 401), /refuses the token/],
    ['has no control endpoints', says('', 404), /answers GET \/control\/status with 404/],
    ['ends the connection', endsAtOnce, /does not answer/],
    ['ends in the middle', endsInTheMiddle, /does not answer/],
  ])('%s', async (_, answer, message) => {
    const problem = await problemOf((await podThat(answer)).status(POD));
    expect(problem).toMatch(message);
    expect(problem).toContain(POD.ip);
    expect(problem).not.toContain(POD.token);
  });

  test('is not there', async () => {
    const control = new PodControl({ port: Number(await freePort()) });
    expect(await problemOf(control.status(POD))).toMatch(/^pod at 127.0.0.1 does not answer: .*ECONNREFUSED/);
    control.close();
  });
});

test('pods that hang are given up, and those that wait for their turn have all of their time', async () => {
  let isHanging = true;
  const control = await podThat(
    (_, response) => {
      if (!isHanging) response.end(JSON.stringify(STATUS));
    },
    { timeoutMs: 300, parallel: 2 },
  );
  const [first, second] = [problemOf(control.status(POD)), problemOf(control.status(POD))];
  const third = control.status(POD);
  expect(await first).toMatch(/no answer within 300 ms/);
  isHanging = false;
  expect(await second).toMatch(/no answer within 300 ms/);
  await expect(third).resolves.toMatchObject({ connections: 3 });
});
