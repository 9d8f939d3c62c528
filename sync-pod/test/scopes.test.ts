import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { Pod, token } from './pod.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start();
});
afterAll(() => pod.stop());

const SCOPES = ['none', 'read', 'write', 'admin'] as const;
type Scope = (typeof SCOPES)[number];

interface Route {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  path: string;
  needs: Exclude<Scope, 'none'>;
  /** Only for tokens that are good for every workspace. */
  ofPod?: boolean;
  body?: unknown;
}

/** Every route under the rules for tokens; that it is every one is tested below. */
const ROUTES: Route[] = [
  { method: 'GET', path: '/v1/workspaces/{id}', needs: 'read' },
  { method: 'POST', path: '/v1/workspaces/{id}/ops', needs: 'write', body: { key: 'k', value: 1 } },
  { method: 'GET', path: '/v1/workspaces/{id}/settings', needs: 'admin' },
  { method: 'PUT', path: '/v1/workspaces/{id}/settings', needs: 'admin', body: { strategy: 'automerge' } },
  { method: 'GET', path: '/v1/presence/{id}', needs: 'read' },
  { method: 'GET', path: '/v1/history/{id}', needs: 'read' },
  { method: 'GET', path: '/v1/usage/{id}', needs: 'admin' },
  { method: 'GET', path: '/v1/stats', needs: 'admin', ofPod: true },
  { method: 'DELETE', path: '/v1/workspaces/{id}', needs: 'admin' },
];
/** Each scope with the ones that it stands for. */
const GRANTS: Record<Scope, readonly Scope[]> = {
  none: [],
  read: ['read'],
  write: ['write'],
  admin: ['read', 'write', 'admin'],
};
const WORKSPACES: { claim: string[] | undefined; covers: boolean; coversAll: boolean }[] = [
  { claim: undefined, covers: true, coversAll: true },
  { claim: ['*'], covers: true, coversAll: true },
  { claim: ['mine:a'], covers: true, coversAll: false },
  { claim: ['mine:*'], covers: true, coversAll: false },
  { claim: ['mine:'], covers: false, coversAll: false },
  { claim: ['other:*'], covers: false, coversAll: false },
  { claim: [], covers: false, coversAll: false },
];

const cases = ROUTES.flatMap((route) =>
  SCOPES.flatMap((scope) =>
    WORKSPACES.map(({ claim, covers, coversAll }) => ({
      ...route,
      scope,
      claim,
      claimed: JSON.stringify(claim) ?? 'absent',
      status: GRANTS[scope].includes(route.needs) && (route.ofPod ? coversAll : covers) ? 200 : 403,
    })),
  ),
);

describe('a token', () => {
  test.each(cases)('with $scope for workspaces $claimed gets $status from $method $path', async (one) => {
    const claims = { scopes: one.scope === 'none' ? [] : [one.scope], workspaces: one.claim };
    const { method, path, body, status } = one;
    const answer = await pod.request(method, path.replace('{id}', 'mine:a'), { claims, body });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body).toMatchObject({ error: { code: 'permission_denied' } });
  });

  test.each(ROUTES)('that is missing or wrong gets 401 from $method $path', async ({ method, path, body }) => {
    for (const authorization of ['', 'Bearer x', `Bearer ${await token({ exp: 1 })}`]) {
      const answer = await pod.request(method, path.replace('{id}', 'mine:a'), { body, headers: { authorization } });
      expect(answer.status).toBe(401);
    }
  });

  test.each(SCOPES)('with %s opens a socket, and writes, only as far as it may', async (scope) => {
    const claims = { scopes: scope === 'none' ? [] : [scope] };
    const opening = pod.connect('mine:a', { token: await token(claims) });
    if (!GRANTS[scope].includes('read')) {
      await expect(opening).rejects.toThrow('403');
      return;
    }
    const client = await opening;
    client.send({ type: 'op', payload: { key: 'k', value: 1 } });
    const answer = await client.take('ack', 'error');
    if (GRANTS[scope].includes('write')) expect(answer).toMatchObject({ type: 'ack' });
    else expect(answer).toMatchObject({ payload: "permission_denied: missing 'write' scope" });
  });
});

test('the table above has every route of the description', async () => {
  const { paths } = z
    .object({
      paths: z.record(z.string(), z.record(z.string(), z.object({ security: z.array(z.unknown()).optional() }))),
    })
    .parse(await (await fetch(pod.url('/openapi.json'))).json());
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { security }]) =>
      security === undefined ? [`${method.toUpperCase()} ${path}`] : [],
    ),
  );
  expect(described.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
});

test('a renewed token takes rights away and gives them', async () => {
  const client = await pod.connect('mine:renewed', { token: await token({ scopes: ['read', 'write'] }) });
  await client.set('k', 1);
  client.send({ type: 'auth', token: await token({ scopes: ['read'] }) });
  await client.take('auth');
  client.send({ type: 'op', payload: { key: 'k', value: 2 } });
  expect(await client.take('error')).toMatchObject({ code: 'permission_denied' });
});

test('a token in the URL of a WebSocket, as a header and as a subprotocol', async () => {
  const url = `ws://127.0.0.1:${pod.port}/v1/sync/mine:a`;
  const jwt = await token();
  const sockets = [
    new WebSocket(`${url}?token=${jwt}`),
    new WebSocket(url, { headers: { authorization: `Bearer ${jwt}` } }),
    new WebSocket(url, ['etherply.v1', jwt]),
  ];
  const opened = sockets.map(
    (socket) => new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject)),
  );
  await Promise.all(opened);
  expect(sockets.map(({ protocol }) => protocol)).toEqual(['', '', 'etherply.v1']);
});
