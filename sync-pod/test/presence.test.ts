import type { PresenceFrame } from '@etherply/protocol';
import { parseWorkspaceId, presenceAnswer } from '@etherply/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { type Audience, Presence } from '../src/presence/presence.ts';
import { Pod, token, until } from './pod.ts';
import { as, hereOn, joined, left, seen, updated } from './presence-frames.ts';

let pod: Pod;
beforeAll(async () => {
  pod = await Pod.start({ env: { ETHERPLY_PING_SECONDS: '8' } });
});
afterAll(() => pod.stop());

const here = (workspace: string) => hereOn(pod, workspace);

describe('those in a workspace', () => {
  test('see who is there, who comes, what they say of themselves, and who goes', async () => {
    const alice = await pod.connect('room', await as('alice'));
    await alice.take('init');
    expect(await alice.take('presence')).toMatchObject({
      snapshot: [{ user_id: 'alice', status: 'online', payload: null }],
    });
    const bob = await pod.connect('room', await as('bob'));
    const snapshot = await bob.take('presence');
    expect('snapshot' in snapshot && snapshot.snapshot.map(({ user_id }) => user_id)).toEqual(['alice', 'bob']);
    await seen(alice, joined('bob'));
    bob.send({ type: 'presence', payload: { cursor: 7 }, status: 'typing' });
    expect(await seen(alice, updated('bob'))).toMatchObject({
      updated: [{ status: 'typing', payload: { cursor: 7 } }],
    });
    bob.send({ type: 'presence', status: 'away' });
    expect(await seen(alice, updated('bob'))).toMatchObject({ updated: [{ status: 'away', payload: { cursor: 7 } }] });
    expect(await here('room')).toMatchObject([{ user_id: 'alice' }, { user_id: 'bob', status: 'away' }]);
    bob.close();
    await seen(alice, left('bob'));
    expect(await here('room')).toMatchObject([{ user_id: 'alice' }]);
  });

  test('are nobody of another workspace', async () => {
    const alice = await pod.connect('here', await as('alice'));
    const bob = await pod.connect('there', await as('bob'));
    bob.send({ type: 'presence', payload: 1 });
    await seen(bob, updated('bob'));
    expect(await here('here')).toMatchObject([{ user_id: 'alice' }]);
    expect(alice.frames.some((frame) => frame.type === 'presence' && updated('bob')(frame))).toBe(false);
  });

  test('are gone when the other end of their socket has gone without a word', async () => {
    const watcher = await pod.connect('half-open', await as('watcher'));
    const url = `ws://127.0.0.1:${pod.port}/v1/sync/half-open?token=${await token({ sub: 'gone' })}`;
    new WebSocket(url, { autoPong: false });
    await seen(watcher, joined('gone'));
    await seen(watcher, left('gone'));
    await until(async () => (await here('half-open')).length === 1);
  });

  test('are not shown to, and do not see, who does not want to', async () => {
    const quiet = await pod.connect('quiet', { ...(await as('quiet')), presence: '0' });
    await pod.connect('quiet', await as('alice'));
    await quiet.set('k', 1);
    expect(await here('quiet')).toMatchObject([{ user_id: 'alice' }]);
    expect(quiet.frames.filter(({ type }) => type === 'presence')).toEqual([]);
  });

  test('may read only, and show themselves still', async () => {
    const reader = await pod.connect('readers', { token: await token({ sub: 'reader', scopes: ['read'] }) });
    reader.send({ type: 'presence', payload: 'here' });
    expect(await seen(reader, updated('reader'))).toMatchObject({ updated: [{ payload: 'here' }] });
  });
});

test('many updates of one turn are one frame', async () => {
  const [alice, bob] = [await pod.connect('turns', await as('alice')), await pod.connect('turns', await as('bob'))];
  await seen(alice, joined('bob'));
  // In one write of the socket, so that the pod reads them in one turn.
  bob.socket.pause();
  const tcp = Reflect.get(bob.socket, '_socket') as { cork(): void; uncork(): void };
  tcp.cork();
  for (let n = 0; n < 200; n += 1) bob.send({ type: 'presence', payload: n });
  tcp.uncork();
  bob.socket.resume();
  let frames = 0;
  await seen(alice, (frame) => {
    frames += 1;
    return 'updated' in frame && frame.updated.some(({ payload }) => payload === 199);
  });
  expect(frames).toBeLessThan(20);
});

test('a payload over the limit is refused, and changes nothing', async () => {
  const client = await pod.connect('large', await as('alice'));
  client.send({ type: 'presence', payload: 'x'.repeat(4096) });
  expect(await client.take('error')).toMatchObject({ code: 'too_large' });
  expect(await here('large')).toMatchObject([{ payload: null }]);
  client.send({ type: 'presence', payload: 'x'.repeat(4094) });
  await seen(client, updated('alice'));
});

test('who takes the snapshot and every frame after it knows who is there, whatever happens', async () => {
  type Step = { who: number; does: 'join' | 'update' | 'leave'; what: number } | 'frame' | 'watch';
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ who: fc.nat(4), does: fc.constantFrom('join', 'update', 'leave'), what: fc.nat(9) }),
    },
    { weight: 2, arbitrary: fc.constant<Step>('frame') },
    { weight: 1, arbitrary: fc.constant<Step>('watch') },
  );
  const workspace = parseWorkspaceId('model');
  if (workspace === undefined) throw new Error('the id is valid');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const watchers: Map<string, unknown>[] = [];
      const audience: Audience = {
        tell(_, text) {
          const frame = JSON.parse(text) as Extract<PresenceFrame, { joined: unknown }>;
          for (const known of watchers) {
            for (const entry of [...frame.joined, ...frame.updated]) known.set(entry.session_id, entry);
            for (const entry of frame.left) known.delete(entry.session_id);
          }
        },
      };
      const presence = new Presence(audience);
      presence.join(workspace, 'user', 'who is told');
      const members = () => {
        const list = presenceAnswer.parse(JSON.parse(presence.membersText(workspace)));
        return new Map<string, unknown>(list.map((entry) => [entry.session_id, entry]));
      };
      const frames = () => new Promise((resolve) => setImmediate(resolve));
      for (const one of steps) {
        if (one === 'frame') await frames();
        else if (one === 'watch') watchers.push(members());
        else if (one.does === 'join') presence.join(workspace, `user ${one.what}`, `session ${one.who}`);
        else if (one.does === 'leave') presence.leave(workspace, `session ${one.who}`);
        else presence.update(workspace, `session ${one.who}`, { payload: one.what });
      }
      await frames();
      for (const known of watchers) expect(known).toEqual(members());
    }),
    { numRuns: 300 },
  );
});
