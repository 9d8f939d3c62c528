import type { PresenceEntry } from '@etherply/protocol';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { WebSocket } from 'ws';
import { type Pod, type TestClient, token, until } from '../pod.ts';
import { as, hereOn, joined, left, seen, updated } from '../presence-frames.ts';
import { Cluster } from './cluster.ts';

/** What a pod is given to say that it is there, and how many of these it may miss; see `main.ts` and `shared-room.ts`. */
const BEAT_MS = 10_000;
const EXPIRY_MS = 4 * BEAT_MS;

let cluster: Cluster;
afterEach(() => cluster.stop());

const usersOf = (entries: readonly PresenceEntry[]) => entries.map(({ user_id }) => user_id).sort();
const usersOn = async (pod: Pod, workspace: string) => usersOf(await hereOn(pod, workspace));

/** Connects, and waits for the snapshot: what comes from then on is told in frames. */
async function arrive(pod: Pod, workspace: string, user: string): Promise<TestClient> {
  const client = await pod.connect(workspace, await as(user));
  expect(await client.take('presence')).toHaveProperty('snapshot');
  return client;
}

test('clients on three pods see who comes, what they say of themselves, and who goes', async () => {
  cluster = await Cluster.start({ pods: 3 });
  const [a, b, c] = [cluster.pod(0), cluster.pod(1), cluster.pod(2)];
  const alice = await arrive(a, 'room', 'alice');
  const bob = await arrive(b, 'room', 'bob');
  await seen(alice, joined('bob'));
  const carol = await arrive(c, 'room', 'carol');
  for (const other of [alice, bob]) await seen(other, joined('carol'));

  carol.send({ type: 'presence', payload: { cursor: 7 }, status: 'typing' });
  for (const other of [alice, bob]) {
    expect(await seen(other, updated('carol'))).toMatchObject({
      joined: [],
      updated: [{ user_id: 'carol', status: 'typing', payload: { cursor: 7 } }],
      left: [],
    });
  }
  for (const pod of cluster.pods) expect(await usersOn(pod, 'room')).toEqual(['alice', 'bob', 'carol']);

  carol.close();
  for (const other of [alice, bob]) {
    // As last seen.
    expect(await seen(other, left('carol'))).toMatchObject({ left: [{ status: 'typing', payload: { cursor: 7 } }] });
  }
  for (const pod of [a, b]) expect(await usersOn(pod, 'room')).toEqual(['alice', 'bob']);
});

test('the snapshot of who comes has everybody on the other pods, and what they said last', async () => {
  cluster = await Cluster.start({ pods: 3 });
  const alice = await arrive(cluster.pod(0), 'snapshot', 'alice');
  const bob = await arrive(cluster.pod(1), 'snapshot', 'bob');
  alice.send({ type: 'presence', payload: 'here', status: 'away' });
  await seen(bob, updated('alice'));
  // A pod does not wait for long for what others say of a room that nobody asked it for.
  await until(async () => {
    const here = await hereOn(cluster.pod(2), 'snapshot');
    return here.length === 2 && here.some(({ status }) => status === 'away');
  });
  const carol = await cluster.pod(2).connect('snapshot', await as('carol'));
  await carol.take('init');
  const first = await carol.take('presence');
  if (!('snapshot' in first)) throw new Error('the first frame is no snapshot');
  expect(usersOf(first.snapshot)).toEqual(['alice', 'bob', 'carol']);
  expect(first.snapshot).toContainEqual(expect.objectContaining({ user_id: 'alice', payload: 'here', status: 'away' }));
});

test('a user with sessions on two pods is there twice, and leaves them one by one', async () => {
  cluster = await Cluster.start({ pods: 2 });
  const [a, b] = [cluster.pod(0), cluster.pod(1)];
  const first = await arrive(a, 'twice', 'alice');
  const second = await arrive(b, 'twice', 'alice');
  await until(async () => (await hereOn(a, 'twice')).length === 2 && (await hereOn(b, 'twice')).length === 2);
  const { session_id } = await second.take('init');
  first.close();
  const frame = await seen(second, left('alice'));
  expect('left' in frame && frame.left.map((entry) => entry.session_id)).not.toContain(session_id);
  expect(await hereOn(b, 'twice')).toMatchObject([{ user_id: 'alice', session_id }]);
});

test('a pod that nobody is connected to says over REST who is on the others', async () => {
  cluster = await Cluster.start({ pods: 2 });
  await arrive(cluster.pod(0), 'asked', 'alice');
  await until(async () => (await usersOn(cluster.pod(1), 'asked')).length > 0);
  expect(await usersOn(cluster.pod(1), 'asked')).toEqual(['alice']);
  // It goes on listening for a while.
  await arrive(cluster.pod(0), 'asked', 'bob');
  await until(async () => (await usersOn(cluster.pod(1), 'asked')).length === 2);
  expect(await usersOn(cluster.pod(1), 'empty')).toEqual([]);
});

describe('when a pod ends', () => {
  test('with SIGTERM, its members leave at once', async () => {
    cluster = await Cluster.start({ pods: 2 });
    const alice = await arrive(cluster.pod(0), 'drained', 'alice');
    await arrive(cluster.pod(1), 'drained', 'bob');
    await seen(alice, joined('bob'));
    const start = performance.now();
    const ended = cluster.pod(1).end('SIGTERM');
    await seen(alice, left('bob'));
    expect(performance.now() - start).toBeLessThan(BEAT_MS);
    expect(await ended).toBe(0);
    expect(await usersOn(cluster.pod(0), 'drained')).toEqual(['alice']);
  });

  test('without a word, its members leave when it has not been heard of for some beats', async () => {
    cluster = await Cluster.start({ pods: 3 });
    const alice = await arrive(cluster.pod(0), 'killed', 'alice');
    await arrive(cluster.pod(1), 'killed', 'bob');
    await arrive(cluster.pod(2), 'killed', 'carol');
    await until(async () => (await hereOn(cluster.pod(0), 'killed')).length === 3);
    const start = performance.now();
    await cluster.pod(1).end('SIGKILL');
    expect(await seen(alice, left('bob'))).toMatchObject({ left: [{ user_id: 'bob' }] });
    // A beat on the own side, and time for a busy machine.
    expect(performance.now() - start).toBeLessThan(EXPIRY_MS + BEAT_MS);
    // Who is on a pod that is heard of stays, however long nothing has changed.
    expect(await usersOn(cluster.pod(0), 'killed')).toEqual(['alice', 'carol']);
  });
});

test('what happened while NATS was away is seen when it is back', async () => {
  cluster = await Cluster.start({ pods: 2 });
  const [a, b] = [cluster.pod(0), cluster.pod(1)];
  const alice = await arrive(a, 'away', 'alice');
  const bob = await arrive(b, 'away', 'bob');
  const carol = await arrive(b, 'away', 'carol');
  await until(async () => (await hereOn(a, 'away')).length === 3 && (await hereOn(b, 'away')).length === 3);
  await cluster.nats.end('SIGKILL');
  await until(async () => (await fetch(a.url('/readyz'))).status === 503);
  await until(async () => (await fetch(b.url('/readyz'))).status === 503);
  bob.send({ type: 'presence', status: 'busy' });
  await seen(carol, updated('bob'));
  carol.close();
  await seen(bob, left('carol'));
  await cluster.nats.restart();
  await seen(alice, left('carol'));
  await until(async () => (await hereOn(a, 'away')).some(({ status }) => status === 'busy'));
  alice.send({ type: 'presence', status: 'back' });
  expect(await seen(bob, updated('alice'))).toMatchObject({ updated: [{ status: 'back' }] });
  for (const pod of [a, b]) expect(await usersOn(pod, 'away')).toEqual(['alice', 'bob']);
});

test('a pod whose NATS is away shows who is on it, without waiting', async () => {
  cluster = await Cluster.start({ pods: 1, env: { ETHERPLY_ACK: 'local' } });
  const pod = cluster.pod(0);
  await cluster.nats.end('SIGKILL');
  await until(async () => (await (await fetch(pod.url('/readyz'))).text()).includes('NATS'));
  const alice = await pod.connect('alone', await as('alice'));
  expect(await alice.take('presence')).toMatchObject({ snapshot: [{ user_id: 'alice' }] });
  const bob = await pod.connect('alone', await as('bob'));
  expect(await bob.take('presence')).toMatchObject({ snapshot: [{ user_id: 'alice' }, { user_id: 'bob' }] });
});

test('300 members on two pods: messages between pods come by the clock, whatever the number of updates', async () => {
  const [members, updates] = [300, 20];
  /** A frame waits 0.03 ms for each member. */
  const frameMs = 9;
  cluster = await Cluster.start({ pods: 2 });
  const sockets = await Promise.all(
    Array.from({ length: members }, async (_, n) => {
      const { port } = cluster.pod(n % 2);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/sync/full?token=${await token({ sub: `user-${n}` })}`);
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      return socket;
    }),
  );
  const all = (holds: (entry: PresenceEntry) => boolean) => async () => {
    const lists = await Promise.all(cluster.pods.map((pod) => hereOn(pod, 'full')));
    return lists.every((list) => list.filter(holds).length === members);
  };
  await until(all(() => true));
  const nats = await connect({ servers: cluster.nats.url });
  let messages = 0;
  nats.subscribe('*.presence.>', {
    callback: () => {
      messages += 1;
    },
  });
  await nats.flush();
  const start = performance.now();
  for (let n = 0; n < updates; n += 1) {
    for (const socket of sockets) socket.send(JSON.stringify({ type: 'presence', payload: n }));
  }
  await until(all(({ payload }) => payload === updates - 1));
  await nats.flush();
  const elapsedMs = performance.now() - start;
  expect(messages).toBeGreaterThan(0);
  const beats = Math.ceil(elapsedMs / BEAT_MS) + 1;
  expect(messages).toBeLessThanOrEqual(2 * (Math.ceil(elapsedMs / frameMs) + beats));
  expect(messages).toBeLessThan((members * updates) / 4);
  await nats.close();
  for (const socket of sockets) socket.terminate();
});
