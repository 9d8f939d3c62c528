import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import { haproxy } from '../../../scripts/tools.mjs';
import { podHost } from '../../src/desired/names.ts';
import { haproxyConfig, routerPlaces, serverCount } from '../../src/desired/router/haproxy-config.ts';
import { ServerProcess } from '../control-plane/server-process.ts';
import { until } from '../control-plane/until.ts';
import { at, clusterOf, idsOf, objectOf, objectsOf, type Written } from './fixture.ts';
import { NameServer } from './name-server.ts';
import { SPECS } from './specs.ts';
import { StandInPod } from './stand-in-pod.ts';

const run = promisify(execFile);
const served = z.object({ pod: z.string(), url: z.string(), forwardedFor: z.string().optional() });

const hashOf = (written: Written, changes = {}) =>
  at(objectOf('Deployment/demo-router', written, changes), 'spec.template.metadata.annotations');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'etherply-router-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the configuration', () => {
  test.each([...SPECS].filter(([, { ingress }]) => at(ingress, 'mode') === undefined))(
    'of %s is one that HAProxy takes without a warning',
    async (_, written) => {
      const file = join(folder, 'checked.cfg');
      await writeFile(file, configOf(written));
      const { stdout, stderr } = await run(await haproxy(), ['-c', '-f', file]);
      expect(`${stdout}${stderr}`).not.toMatch(/WARNING|ALERT/);
    },
  );

  test.each([
    [1, {}, 16],
    [3, {}, 16],
    [17, {}, 32],
    [3, { autoscaling: { maxReplicas: 40 } }, 48],
    [99, { replicas: 99 }, 112],
  ])('has for %d pods, with %j, %d servers', (replicas, written, count) => {
    expect(serverCount(clusterOf(written), replicas)).toBe(count);
  });

  test('names pods as the DNS of Kubernetes does, whole', () => {
    expect(configOf({})).toContain('server demo-0 demo-0.demo-pods.chat.svc.cluster.local:8080 id 1\n');
  });
});

describe('the router is made anew', () => {
  test('not when pods come and go', () => {
    const less = { replicas: 1 };
    expect(hashOf(less, { replicas: 2 })).toEqual(hashOf({ replicas: 9 }, { replicas: 9 }));
  });

  test.each<[what: string, written: Written]>([
    ['there can be more pods than it has servers', { autoscaling: { maxReplicas: 40 } }],
    ['an Ingress comes before it', { ingress: { host: 'sync.example.com' } }],
    ['a Gateway comes before it', { ingress: { gateway: { name: 'gate' } } }],
  ])('when %s', (_, written) => {
    expect(hashOf(written)).not.toEqual(hashOf({}));
  });
});

test('it is there only in its mode', () => {
  const names = (written: Written) => idsOf(objectsOf(written)).filter((id) => id.includes('router'));
  expect(names({}).sort()).toEqual([
    'ConfigMap/demo-router',
    'Deployment/demo-router',
    'NetworkPolicy/demo-router',
    'PodDisruptionBudget/demo-router',
    'PodMonitor/demo-router',
  ]);
  expect(names({ ingress: { mode: 'none' } })).toEqual([]);
});

test('it runs restricted, and one is made before another one goes', () => {
  expect(
    objectOf('Deployment/demo-router', { ingress: { router: { replicas: 3, image: 'my/haproxy:1' } } }),
  ).toMatchObject({
    spec: {
      replicas: 3,
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
      template: {
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 99 },
          containers: [{ image: 'my/haproxy:1', securityContext: { readOnlyRootFilesystem: true } }],
        },
      },
    },
  });
});

function configOf(written: Written): string {
  const cluster = clusterOf(written);
  return haproxyConfig(cluster, cluster.spec.replicas, routerPlaces(cluster, 'cluster.local'));
}

describe('a real HAProxy', () => {
  let names: NameServer;
  let pods: StandInPod[];
  let router: ServerProcess;
  let clients: number;
  let health: number;

  const name = (ordinal: number) => podHost(clusterOf(), ordinal, 'cluster.local');

  /** Pods have one port, and addresses of their own. */
  async function addPod(): Promise<StandInPod> {
    const ordinal = pods.length;
    const pod = await StandInPod.start(`demo-${ordinal}`, `127.0.2.${ordinal + 1}`, pods[0]?.port ?? 0);
    pods.push(pod);
    names.set(name(ordinal), pod.address);
    return pod;
  }

  async function start(written: Written = {}): Promise<void> {
    [clients = 0, health = 0] = await loopbackPorts([0, 0]);
    const places = {
      clients: `127.0.0.1:${clients}`,
      health: `127.0.0.1:${health}`,
      podAddress: (ordinal: number) => `${name(ordinal)}:${pods[0]?.port}`,
    };
    const text = haproxyConfig(clusterOf(written), 3, places);
    const file = join(folder, 'haproxy.cfg');
    // Pods are found by this name server, instead of that of the machine.
    await writeFile(file, text.replace('parse-resolv-conf', `nameserver test 127.0.0.1:${names.port}`));
    router = ServerProcess.start('haproxy', await haproxy(), ['-db', '-f', file]);
  }

  /** How many pods take requests, as the metrics of the router say. */
  async function podsUp(): Promise<number> {
    router.assertRunning();
    const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text();
    return Number(/haproxy_backend_active_servers\{proxy="pods"\} (\d+)/.exec(metrics)?.[1]);
  }

  async function untilUp(count: number): Promise<void> {
    await until(async () => (await podsUp()) === count, { what: `${count} pods being up` });
  }

  /** The path goes as it is. */
  async function get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
    const asked = request({ host: '127.0.0.1', port: clients, path, headers, agent: false }).end();
    const [response] = await once(asked, 'response');
    let body = '';
    for await (const chunk of response) body += chunk;
    return { status: response.statusCode, body };
  }

  async function podOf(path: string): Promise<string> {
    const { body } = await get(path);
    return served.parse(JSON.parse(body)).pod;
  }

  beforeEach(async () => {
    names = await NameServer.start();
    pods = [];
    for (let count = 0; count < 3; count += 1) await addPod();
  });
  afterEach(async () => {
    await router.end();
    for (const pod of pods) pod.stop();
    names.stop();
  });

  test('sends all requests of a workspace to one pod, and workspaces to all pods', async () => {
    await start();
    await untilUp(3);
    const found = new Map<string, number>();
    for (let index = 0; index < 60; index += 1) {
      const id = `acme:board-${index}`;
      const paths = [
        `/v1/sync/${id}`,
        `/v1/sync/${id}?token=${index}`,
        `/v1/sync/${encodeURIComponent(id)}`,
        `/v1/workspaces/${id}`,
        `/v1/workspaces/${id}/ops`,
        `/v1/presence/${id}`,
      ];
      const [pod = '', ...others] = new Set(await Promise.all(paths.map(podOf)));
      expect(others).toEqual([]);
      found.set(pod, (found.get(pod) ?? 0) + 1);
    }
    expect([...found.keys()].sort()).toEqual(['demo-0', 'demo-1', 'demo-2']);
  });

  test('takes a new pod in without a restart, and few workspaces move: all of them to it', async () => {
    await start();
    await untilUp(3);
    const ids = Array.from({ length: 200 }, (_, index) => `/v1/sync/w-${index}`);
    const before = await Promise.all(ids.map(podOf));
    const pod = await addPod();
    await untilUp(4);
    const after = await Promise.all(ids.map(podOf));
    const moved = after.filter((one, index) => one !== before[index]);
    expect(new Set(moved)).toEqual(new Set([pod.name]));
    expect(moved.length).toBeLessThan(ids.length / 2);
  });

  test('sends nothing new to a pod that is not ready, and is not ready itself when none is', async () => {
    await start();
    await untilUp(3);
    const readiness = async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).status;
    expect(await readiness()).toBe(200);
    const [first, ...others] = pods;
    for (const pod of others) pod.isReady = false;
    await untilUp(1);
    const found = await Promise.all([1, 2, 3, 4, 5].map((one) => podOf(`/v1/sync/x-${one}`)));
    expect(new Set(found)).toEqual(new Set([first?.name]));
    if (first !== undefined) first.isReady = false;
    await untilUp(0);
    expect(await readiness()).toBe(503);
    expect((await fetch(`http://127.0.0.1:${health}/healthz`)).status).toBe(200);
  });

  test.each([
    '/metrics',
    '/readyz',
    '/control/drain',
    '/control/status',
    '//metrics',
    '/v1/../metrics',
    '/v1/./../control/status',
    '/v1/%2e%2e/metrics',
    '/v1',
    '/V1/sync/x',
    '/openapi.json/../metrics',
    '/',
  ])('does not forward %s', async (path) => {
    await start();
    await untilUp(3);
    expect(await get(path)).toEqual({
      status: 404,
      body: '{"error":{"code":"not_found","message":"there is nothing at this path"}}',
    });
    expect(pods.flatMap(({ asked }) => asked)).toEqual([]);
  });

  test.each(['/healthz', '/openapi.json', '/v1/stats', '/v1/sync/a?token=b'])('forwards %s', async (path) => {
    await start();
    await untilUp(3);
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect(served.parse(JSON.parse(body)).url).toBe(path);
  });

  test.each<[what: string, written: Written, header: string | undefined, expected: string]>([
    ['without an Ingress it is the one that connects, whatever it says', {}, '1.2.3.4', '127.0.0.1'],
    ['without an Ingress it is the one that connects', {}, undefined, '127.0.0.1'],
    [
      'with a host it is what the Ingress says',
      { ingress: { host: 'a.example' } },
      '1.2.3.4, 5.6.7.8',
      '1.2.3.4, 5.6.7.8',
    ],
    [
      'with a host it is the one that connects where nobody says',
      { ingress: { host: 'a.example' } },
      undefined,
      '127.0.0.1',
    ],
    ['with `keep` it is what the proxy says', { ingress: { router: { forwardedFor: 'keep' } } }, '5.6.7.8', '5.6.7.8'],
  ])('tells pods who the client is: %s', async (_, written, header, expected) => {
    await start(written);
    await untilUp(3);
    const { body } = await get('/v1/sync/a', header === undefined ? {} : { 'X-Forwarded-For': header });
    expect(served.parse(JSON.parse(body)).forwardedFor).toBe(expected);
  });

  test('carries WebSockets, to the end when it is to stop', async () => {
    await start();
    await untilUp(3);
    const socket = new WebSocket(`ws://127.0.0.1:${clients}/v1/sync/a`);
    const [pod] = await once(socket, 'message');
    expect(String(pod)).toBe(await podOf('/v1/workspaces/a'));
    if (router.pid === undefined) throw new Error('the router has no process');
    process.kill(router.pid, 'SIGUSR1');
    await until(
      () =>
        get('/healthz').then(
          () => false,
          () => true,
        ),
      { what: 'the router taking nothing new' },
    );
    socket.send('still here');
    const [echo] = await once(socket, 'message');
    expect(String(echo)).toBe('still here');
    socket.close();
    await until(() => router.hasEnded, { what: 'the router being gone with its last client' });
  });

  test('does not log what clients ask for: there are tokens in it', async () => {
    await start();
    await untilUp(3);
    await get('/v1/sync/a?token=secret');
    const [first] = pods;
    if (first !== undefined) first.isReady = false;
    await until(() => router.output.includes('demo-0 is DOWN'), { what: 'the log telling that a pod is down' });
    expect(router.output).not.toContain('secret');
  });
});
