import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { PodStatuses } from '../../src/controllers/pod-statuses.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { podFacts } from '../../src/observed/pod.ts';
import { PodControl } from '../../src/pods/pod-control.ts';

const SECRET: StoredObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'chat-control', namespace: 'chat', uid: 'a', resourceVersion: '1' },
  data: { token: Buffer.from('the-token-of-the-cluster').toString('base64') },
};
const STATUS = {
  draining: true,
  connections: 3,
  unpublished_workspaces: 2,
  stream_connected: true,
  problems: [],
  ops_per_second: 0,
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Asks a pod that answers like this. */
async function ask(isReady: boolean, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const control = new PodControl({ port: address.port });
  ends.push(() => {
    control.close();
    server.close();
    server.closeAllConnections();
  });
  const pod = podFacts(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'chat-0', namespace: 'chat' },
      spec: { containers: [] },
      status: { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
    },
    'sync-pod',
  );
  return new PodStatuses(control).ask(pod, SECRET);
}

/** Cuts so many connections, and then answers. */
function answersAfter(cuts: number): { readonly answer: RequestListener; readonly asked: () => number } {
  let asked = 0;
  const answer: RequestListener = (request, response) => {
    asked += 1;
    if (asked <= cuts) request.socket.destroy();
    else response.end(JSON.stringify(STATUS));
  };
  return { answer, asked: () => asked };
}

test('a ready pod whose connection is cut once is not silent', async () => {
  const { answer } = answersAfter(1);
  expect(await ask(true, answer)).toMatchObject({ control: { connections: 3 }, isEstranged: false });
});

test('one that does not answer twice is', async () => {
  const { answer, asked } = answersAfter(2);
  expect(await ask(true, answer)).toEqual({ control: undefined, isEstranged: false });
  expect(asked()).toBe(2);
});

test('one that is not ready is asked once', async () => {
  const { answer, asked } = answersAfter(1);
  expect(await ask(false, answer)).toEqual({ control: undefined, isEstranged: false });
  expect(asked()).toBe(1);
});

test('one that takes another token is asked once', async () => {
  let asked = 0;
  const refuses: RequestListener = (_, response) => {
    asked += 1;
    response.writeHead(401).end();
  };
  expect(await ask(true, refuses)).toEqual({ control: undefined, isEstranged: true });
  expect(asked).toBe(1);
});
