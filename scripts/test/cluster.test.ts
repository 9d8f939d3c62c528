import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workspaceAnswer } from '@etherply/protocol';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { TestClient, until } from '../../sync-pod/test/pod.ts';
import { ClusterScript, isRunning, type Service } from './cluster-script.ts';

let folder: string;
let started: ClusterScript[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'etherply-cluster-'));
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((script) => script.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function serving(...args: string[]): Promise<ClusterScript> {
  const script = await ClusterScript.serving(folder, ...args);
  started.push(script);
  return script;
}

function run(args: readonly string[], env: Record<string, string> = {}): ClusterScript {
  const script = ClusterScript.start({ args: ['--data', folder, ...args], env });
  started.push(script);
  return script;
}

async function dataAt(script: ClusterScript, service: Service, workspace: string): Promise<unknown> {
  const answer = await script.request(service, `/v1/workspaces/${workspace}`);
  return workspaceAnswer.parse(await answer.json()).data;
}

describe('a cluster', () => {
  test('has what was written through HAProxy on every pod', async () => {
    const script = await serving();
    const { haproxy, pods } = script.cluster;
    expect(pods.map(({ name }) => name)).toEqual(['pod-1', 'pod-2', 'pod-3']);
    const answer = await script.request(haproxy, '/v1/workspaces/demo/ops', { key: 'greeting', value: 'hello' });
    expect(await answer.json()).toMatchObject({ count: 1, durability: 'replicated' });
    for (const pod of pods) expect(await dataAt(script, pod, 'demo')).toEqual({ greeting: 'hello' });
  });

  test('sends all that is for a workspace to one pod, however its id is encoded', async () => {
    const script = await serving();
    const { haproxy, token } = script.cluster;
    const served = new Set<string>();
    for (let n = 0; n < 20; n += 1) {
      const workspace = `team:${n}@x`;
      const encoded = encodeURIComponent(workspace);
      const paths = [`/v1/workspaces/${workspace}`, `/v1/workspaces/${encoded}`, `/v1/workspaces/${encoded}/settings`];
      const answers = await Promise.all(paths.map((path) => script.request(haproxy, path)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      const socket = new WebSocket(`${haproxy.url.replace('http', 'ws')}/v1/sync/${encoded}`, ['etherply.v1', token]);
      const [upgrade] = await once(socket, 'upgrade');
      socket.terminate();
      const names = [...answers.map(({ headers }) => headers.get('x-served-by')), upgrade.headers['x-served-by']];
      const [name] = names;
      expect(names).toEqual([name, name, name, name]);
      served.add(String(name));
    }
    expect([...served].sort()).toEqual(['pod-1', 'pod-2', 'pod-3']);
  });

  test('serves a workspace on another pod when its own is not ready', async () => {
    const script = await serving('--pods', '2');
    const { haproxy, pods, token } = script.cluster;
    const headers = { authorization: `Bearer ${token}` };
    // A request that a stopped pod has taken is never answered.
    const servedBy = async () => {
      const signal = AbortSignal.timeout(1_000);
      const answer = await fetch(`${haproxy.url}/v1/workspaces/moved`, { headers, signal }).catch(() => undefined);
      return answer?.status === 200 ? answer.headers.get('x-served-by') : undefined;
    };
    let first: string | null | undefined;
    await until(async () => {
      first = await servedBy();
      return first !== undefined;
    });
    const [owner, other] = first === 'pod-1' ? pods : pods.toReversed();
    if (owner === undefined || other === undefined) throw new Error('there are two pods');
    process.kill(owner.pid, 'SIGSTOP');
    try {
      await until(async () => (await servedBy()) === other.name);
    } finally {
      process.kill(owner.pid, 'SIGCONT');
    }
    await until(async () => (await servedBy()) === owner.name);
  });

  test('tells a WebSocket client what others write', async () => {
    const script = await serving('--pods', '1');
    const { haproxy, token } = script.cluster;
    const client = await TestClient.open(`${haproxy.url.replace('http', 'ws')}/v1/sync/seen?token=${token}`);
    await client.take('init');
    await script.request(script.pod(0), '/v1/workspaces/seen/ops', { key: 'from', value: 'pod-1' });
    expect((await client.take('op')).payload).toMatchObject({ key: 'from', value: 'pod-1' });
  });

  test('ends without a process left, and has its data when it comes again', async () => {
    const before = await serving('--pods', '2');
    await before.request(before.cluster.haproxy, '/v1/workspaces/kept/ops', { key: 'greeting', value: 'hello' });
    before.signal('SIGTERM');
    expect(await before.ended()).toBe(0);
    expect(before.services.filter(isRunning)).toEqual([]);

    const after = await serving('--pods', '2');
    expect(await dataAt(after, after.pod(1), 'kept')).toEqual({ greeting: 'hello' });
    // A token from before is still good.
    const answer = await fetch(`${after.cluster.haproxy.url}/v1/workspaces/kept`, {
      headers: { authorization: `Bearer ${before.cluster.token}` },
    });
    expect(answer.status).toBe(200);
  });

  test('ends when one of its processes does, and says which', async () => {
    const script = await serving('--pods', '2');
    process.kill(script.pod(1).pid, 'SIGKILL');
    expect(await script.ended()).toBe(1);
    expect(script.errors).toMatch(
      /^pod-2 ended by itself \(SIGKILL\)\. The end of .*pod-2\.log:\n(.*\n)*.*"msg":"ready"/,
    );
    expect(script.services.filter(isRunning)).toEqual([]);
  });

  test('is killed at once by the second signal', async () => {
    const script = await serving('--pods', '1');
    // It does not end when it is asked to.
    process.kill(script.pod(0).pid, 'SIGSTOP');
    script.signal('SIGINT');
    await until(async () => script.errors.includes('ending all'));
    const start = performance.now();
    script.signal('SIGINT');
    expect(await script.ended()).toBe(1);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(script.services.filter(isRunning)).toEqual([]);
  });

  test('ends when it is asked to while it starts', async () => {
    const script = run([]);
    await until(async () => existsSync(join(folder, 'nats.log')));
    script.signal('SIGTERM');
    const code = await script.ended();
    const { output, errors } = script;
    expect({ code, output, errors }).toEqual({
      code: 0,
      output: '',
      errors: expect.stringMatching(/^ending all.*\n$/),
    });
    // Nobody has the data any more: another one can serve it.
    await serving('--pods', '1');
  });

  test('keeps another one off its data', async () => {
    await serving('--pods', '1');
    const second = run([]);
    expect(await second.ended()).toBe(2);
    expect(second.errors).toContain(`${folder} is in use by another cluster`);
  });

  test('says how to try it', async () => {
    const script = run(['--pods', '2']);
    await until(async () => script.output.includes('Ctrl-C ends all.'));
    expect(script.output).toMatch(/export TOKEN=\S+\n/);
    expect(script.output).toMatch(/curl .* http:\/\/127\.0\.0\.1:\d+\/v1\/workspaces\/demo\/ops/);
    expect(script.output).toMatch(/URL=ws:\/\/127\.0\.0\.1:\d+ npm run --silent watch -- demo/);
    script.signal('SIGINT');
    expect(await script.ended()).toBe(0);
  });
});

describe('what cannot work is refused before anything starts', () => {
  test.each([
    [['--pods', '0'], {}, '--pods: set a number from 1 to 9'],
    [['--pods', '10'], {}, '--pods: set a number from 1 to 9'],
    [['--podz'], {}, 'usage:'],
    [[], { PORT: '65536' }, 'PORT: set a port from 0 to 65535'],
    [[], { HAPROXY: '/nowhere/haproxy' }, 'HAPROXY: /nowhere/haproxy is no HAProxy of version 2.6 or later'],
  ])('%j %j', async (args, env, message) => {
    const script = run(args, env);
    expect(await script.ended()).toBe(2);
    expect(script.errors).toContain(message);
    expect(script.output).toBe('');
  });

  test('a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const script = run([], { PORT: String(address.port) });
    expect(await script.ended()).toBe(2);
    expect(script.errors).toContain(`cannot listen on 127.0.0.1:${address.port}`);
    server.close();
  });
});

test('--help says how it is used', async () => {
  const script = run(['--help']);
  expect(await script.ended()).toBe(0);
  expect(script.output).toMatch(/^usage: .*--pods/);
});
