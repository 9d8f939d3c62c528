import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ack, Client, ClientOptions, Status } from '@etherply/client';
import type { ServerFrame } from '@etherply/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { freePort, Pod, token, until } from '../../sync-pod/test/pod.ts';
import { fileOutbox } from '../src/outbox/file-outbox.ts';
import { closeAll, next, open, seen } from './clients.ts';

let pod: Pod;
let directory: string;
beforeEach(async () => {
  pod = await Pod.start({ env: { PORT: await freePort() } });
  directory = await mkdtemp(join(tmpdir(), 'etherply-client-'));
});
afterEach(async () => {
  await closeAll();
  await pod.stop();
  await rm(directory, { recursive: true });
});

function connectTo(user: string, options: Partial<ClientOptions> = {}): Client {
  return open({
    url: pod.url(''),
    token: () => token({ sub: user, scopes: ['read', 'write'] }),
    ...options,
  });
}

/** Sockets whose frames a test can read, and which it can cut. */
function recorded() {
  const sockets: { socket: WebSocket; frames: ServerFrame[] }[] = [];
  class Recorded extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      const frames: ServerFrame[] = [];
      sockets.push({ socket: this, frames });
      this.on('message', (data) => frames.push(JSON.parse(String(data))));
    }
  }
  return { WebSocket: Recorded, sockets };
}

async function stored(): Promise<unknown> {
  const answer = await fetch(pod.url('/v1/workspaces/w'), { headers: await pod.authorization() });
  return ((await answer.json()) as { data: unknown }).data;
}

test('a write is seen at once, acked when it is durable, and seen by others', async () => {
  const [alice, bob] = [connectTo('alice'), connectTo('bob')];
  await Promise.all([alice.ready(), bob.ready()]);
  const changed = next(bob, 'change');
  const acked = alice.set('k', { deep: [1, 2.5, null] });
  expect(alice.get('k')).toEqual({ deep: [1, 2.5, null] });
  expect(alice.confirmed.has('k')).toBe(false);
  expect(alice.pendingCount).toBe(1);
  expect(await acked).toEqual({ heads: alice.heads, durability: 'local' });
  expect(alice.confirmed.get('k')).toEqual({ deep: [1, 2.5, null] });
  expect(alice.pendingCount).toBe(0);
  expect(await changed).toEqual({ keys: ['k'], origin: 'remote', userId: 'alice' });
  expect(bob.toJSON()).toEqual({ k: { deep: [1, 2.5, null] } });
  expect(bob).toMatchObject({ userId: 'bob', strategy: 'automerge', scopes: ['read', 'write'], status: 'open' });
});

test('a transaction is seen as a whole', async () => {
  const [alice, bob] = [connectTo('alice'), connectTo('bob')];
  await Promise.all([alice.set('gone', 1), bob.ready()]);
  await seen(bob, () => bob.has('gone'));
  const changed = next(bob, 'change');
  await alice.transact((tx) => {
    tx.set('__proto__', 'a key like others');
    tx.set('constructor', 1);
    tx.delete('gone');
  });
  expect((await changed).keys.toSorted()).toEqual(['__proto__', 'constructor', 'gone']);
  for (const client of [alice, bob]) {
    expect(new Map(client.entries())).toEqual(
      new Map<string, unknown>([
        ['__proto__', 'a key like others'],
        ['constructor', 1],
      ]),
    );
    expect(Object.keys(client.toJSON()).sort()).toEqual(['__proto__', 'constructor']);
    expect([...client.keys()].sort()).toEqual(['__proto__', 'constructor']);
  }
});

test('who may not write is told so, and sees what the others see', async () => {
  const reader = connectTo('reader', { token: await token({ scopes: ['read'] }) });
  await reader.ready();
  await expect(reader.set('k', 1)).rejects.toMatchObject({ code: 'permission_denied' });
  expect(reader.toJSON()).toEqual({});
});

test('clients that write the same keys at once converge', async () => {
  const clients = ['a', 'b', 'c'].map((user) => connectTo(user));
  await Promise.all(
    clients.flatMap((client, c) =>
      Array.from({ length: 300 }, (_, n) =>
        n % 7 === 0 ? client.delete(`k${n % 5}`) : client.set(`k${n % 5}`, { c, n }),
      ),
    ),
  );
  // Ops come in commit order, so all are in where the last one is.
  await Promise.all(clients.map((client) => client.set(`done-${clients.indexOf(client)}`, true)));
  const state = await stored();
  for (const client of clients) {
    await seen(client, () => [0, 1, 2].every((n) => client.has(`done-${n}`)));
    expect(client.toJSON()).toEqual(state);
    expect(Object.fromEntries(client.confirmed)).toEqual(state);
  }
});

test('a pod killed with ops in flight: all are acked, none takes effect twice, and clients converge', async () => {
  const [alice, bob] = [connectTo('alice'), connectTo('bob')];
  const counts: unknown[] = [];
  for (const [other, key] of [
    [bob, 'alice'],
    [alice, 'bob'],
  ] as const) {
    other.on('change', ({ keys }) => {
      if (keys.includes(key)) counts.push([key, other.get(key)]);
    });
  }
  await Promise.all([alice.ready(), bob.ready()]);
  const acks: Promise<Ack>[] = [];
  for (let n = 0; n < 2000; n += 1) {
    acks.push(alice.set('alice', n), bob.set('bob', n), bob.set(`bob-${n}`, n));
    for (const client of [alice, bob]) acks.push(client.set(`shared-${n % 50}`, [client.userId ?? '', n]));
  }
  await acks[0];
  await pod.end('SIGKILL');
  expect(alice.pendingCount + bob.pendingCount).toBeGreaterThan(0);
  await pod.restart();
  await Promise.all(acks);
  await Promise.all([seen(alice, () => alice.get('bob-1999') === 1999), seen(bob, () => bob.get('alice') === 1999)]);
  const state = await stored();
  expect(alice.toJSON()).toEqual(state);
  expect(bob.toJSON()).toEqual(state);
  expect(Object.fromEntries(alice.confirmed)).toEqual(state);
  // An op that takes effect again would take its counter back.
  for (const user of ['alice', 'bob']) {
    const seenCounts = counts.flatMap((one) => (Array.isArray(one) && one[0] === user ? [Number(one[1])] : []));
    expect(seenCounts).toEqual(seenCounts.toSorted((a, b) => a - b));
  }
});

test('what is written while there is no pod arrives once, also by a client of a later run', async () => {
  const path = join(directory, 'outbox');
  await pod.end('SIGKILL');
  const first = connectTo('alice', { outbox: fileOutbox(path) });
  const acks = [first.set('a', 1), first.set('a', 2), first.delete('b')];
  expect(first.toJSON()).toEqual({ a: 2 });
  await first.close();
  for (const ack of acks) await expect(ack).rejects.toMatchObject({ code: 'closed' });

  const second = connectTo('alice', { outbox: fileOutbox(path) });
  const newest = second.set('a', 3);
  await next(second, 'status', (status) => status === 'waiting');
  expect(second.pendingCount).toBe(4);
  await pod.restart();
  const history: unknown[] = [];
  const bob = connectTo('bob');
  bob.on('change', () => history.push(bob.get('a')));
  await newest;
  expect(second.pendingCount).toBe(0);
  await seen(bob, () => bob.get('a') === 3);
  expect(history).toEqual(history.toSorted());
  expect(await stored()).toEqual({ a: 3 });
  await second.close();
  const left = fileOutbox(path);
  expect(await left.load()).toEqual([]);
  await left.close();
});

test('sessions see each other come, say something of themselves, and go', async () => {
  const alice = connectTo('alice');
  alice.setPresence({ cursor: 1 }, 'typing');
  await alice.ready();
  const bob = connectTo('bob');
  const others = () => [...bob.presence.values()].map(({ user_id, status, payload }) => ({ user_id, status, payload }));
  const shown = async (expected: unknown) => {
    while (JSON.stringify(others()) !== JSON.stringify(expected)) await next(bob, 'presence');
  };
  await shown([{ user_id: 'alice', status: 'typing', payload: { cursor: 1 } }]);
  alice.setPresence({ cursor: 2 });
  await shown([{ user_id: 'alice', status: 'typing', payload: { cursor: 2 } }]);
  await alice.close();
  await shown([]);
});

test('what the rules of a workspace refuse is taken back', async () => {
  await pod.configure('w', { strategy: 'server-auth', rules: [{ key: 'score', max_step: 10 }] });
  const alice = connectTo('alice');
  await alice.set('score', 5);
  const cheating = alice.set('score', 100);
  const bystander = alice.set('name', 'Alice');
  expect(alice.get('score')).toBe(100);
  await expect(cheating).rejects.toMatchObject({ code: 'step_too_large', key: 'score' });
  await bystander;
  expect(alice.toJSON()).toEqual({ score: 5, name: 'Alice' });
  expect(Object.fromEntries(alice.confirmed)).toEqual(await stored());
});

test('of two writes the later one stays in an lww workspace, also where the earlier one comes later', async () => {
  await pod.configure('w', { strategy: 'lww' });
  const path = join(directory, 'outbox');
  const offline = connectTo('alice', { url: 'ws://127.0.0.1:1', outbox: fileOutbox(path) });
  offline.set('k', 'earlier');
  offline.set('only', 'mine');
  await offline.close();
  const bob = connectTo('bob');
  await bob.set('k', 'later');
  const alice = connectTo('alice', { outbox: fileOutbox(path) });
  await seen(alice, () => alice.get('k') === 'earlier');
  await seen(alice, () => alice.get('k') === 'later');
  expect(alice.toJSON()).toEqual({ k: 'later', only: 'mine' });
  await until(async () => alice.pendingCount === 0);
  expect(await stored()).toEqual({ k: 'later', only: 'mine' });
});

test('an op whose ack was lost does not take back what others wrote over it', async () => {
  let isFirst = true;
  class LosesFirstAck extends WebSocket {
    readonly #loses = isFirst;

    override emit(event: string | symbol, ...args: unknown[]): boolean {
      isFirst = false;
      if (event !== 'message' || !this.#loses || !String(args[0]).includes('"ack"')) return super.emit(event, ...args);
      this.terminate();
      return true;
    }
  }
  // It comes back when bob has written: the delay is the most that there may be.
  const alice = connectTo('alice', { WebSocket: LosesFirstAck, backoff: { minMs: 1000 }, random: () => 1 });
  const bob = connectTo('bob');
  await Promise.all([alice.ready(), bob.ready()]);
  const acked = alice.set('k', 'alice');
  await seen(bob, () => bob.get('k') === 'alice');
  await bob.set('k', 'bob');
  await acked;
  await seen(alice, () => alice.get('k') === 'bob');
  expect(alice.confirmed.get('k')).toBe('bob');
  expect(await stored()).toEqual({ k: 'bob' });
});

test('where the workspace is deleted the client is closed for good', async () => {
  const alice = connectTo('alice');
  await alice.set('k', 1);
  const closed = next(alice, 'closed');
  await fetch(pod.url('/v1/workspaces/w'), { method: 'DELETE', headers: await pod.authorization() });
  expect(await closed).toMatchObject({ code: 'workspace_deleted' });
});

test('a client that is too fast for the pod gets everything through', async () => {
  await pod.end('SIGKILL');
  await pod.restart({ ETHERPLY_MAX_OPS_PER_SECOND: '20' });
  const alice = connectTo('alice');
  const errors: string[] = [];
  alice.on('error', ({ code }) => errors.push(code));
  await Promise.all(Array.from({ length: 200 }, (_, n) => alice.set(`k${n}`, n)));
  expect(errors).toContain('too_fast');
  expect(Object.keys((await stored()) as object)).toHaveLength(200);
  expect(alice.toJSON()).toEqual(await stored());
});

test('after a reconnect only what changed is sent', async () => {
  const { WebSocket: Recorded, sockets } = recorded();
  const [alice, bob] = [connectTo('alice', { WebSocket: Recorded }), connectTo('bob')];
  await bob.set('large', 'x'.repeat(10_000));
  await bob.set('gone', 1);
  await alice.ready();
  await seen(alice, () => alice.has('gone'));
  // A frame of a later commit, so that these two have come for certain.
  await bob.set('later', 1);
  await seen(alice, () => alice.has('later'));
  sockets[0]?.socket.terminate();
  await next(alice, 'status', (status) => status === 'waiting');
  const offline = alice.set('mine', 1);
  await bob.delete('gone');
  await offline;
  await seen(alice, () => !alice.has('gone'));
  expect(sockets[1]?.frames[0]).toMatchObject({ type: 'delta' });
  expect(JSON.stringify(sockets[1]?.frames)).not.toContain('xxx');
  expect(alice.toJSON()).toEqual(await stored());
});

test('a token is renewed before it ends, and the connection stays', async () => {
  let calls = 0;
  const client = connectTo('alice', {
    token: () => {
      calls += 1;
      return token({ sub: 'alice', scopes: ['read', 'write'], exp: Math.floor(Date.now() / 1000) + 6 });
    },
  });
  await client.ready();
  const statuses: Status[] = [];
  client.on('status', (status) => statuses.push(status));
  while (calls < 3) await client.set('calls', calls);
  await client.refreshToken();
  expect(calls).toBe(4);
  await client.set('done', true);
  expect(statuses).toEqual([]);
});

test('where a token could not be renewed, the client comes back with another', async () => {
  let calls = 0;
  const client = connectTo('alice', {
    token: () => {
      calls += 1;
      if (calls === 2) throw new Error('the identity provider is away');
      const lifetime = calls === 1 ? 10 : 3600;
      return token({ sub: 'alice', scopes: ['read', 'write'], exp: Math.floor(Date.now() / 1000) + lifetime });
    },
  });
  expect(await next(client, 'error')).toMatchObject({ code: 'token_failed' });
  await next(client, 'status', (status) => status === 'waiting');
  await next(client, 'status', (status) => status === 'open');
  expect(calls).toBe(3);
  await client.set('k', 1);
});

test('a connection that is refused is tried again, with a token of then', async () => {
  let calls = 0;
  const client = connectTo('alice', {
    token: () => {
      calls += 1;
      return calls === 1 ? 'no-token-at-all' : token({ sub: 'alice', scopes: ['read', 'write'] });
    },
  });
  expect(await next(client, 'error')).toMatchObject({ code: 'connection_lost' });
  await client.set('k', 1);
});
