import {
  type PresenceEntry,
  type PresenceFrame,
  parseWorkspaceId,
  presenceAnswer,
  type WorkspaceId,
} from '@etherply/protocol';
import { presenceSubjectOf } from '@etherply/stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { MAX_REMOTE_MEMBERS } from '../../src/presence/members.ts';
import { Presence } from '../../src/presence/presence.ts';
import { PresenceBus } from '../../src/presence/presence-bus.ts';
import { decodeMessage, encodeMessage, type PresenceMessage } from '../../src/presence/presence-message.ts';
import { NatsBus } from '../../src/replication/nats-bus.ts';
import { NatsClient } from '../../src/replication/nats-client.ts';
import { natsConnector } from '../../src/replication/nats-connection.ts';
import { NatsServer } from '../nats-server.ts';
import { until } from '../pod.ts';

const CLUSTER = 'test';
const parsed = parseWorkspaceId('room');
if (parsed === undefined) throw new Error('the id is valid');
const workspace: WorkspaceId = parsed;
const subject = presenceSubjectOf(CLUSTER, workspace);

let server: NatsServer;
const sides: Side[] = [];
let outsider: NatsConnection;
/** What an outsider sees of what is published. */
let messages: { message: PresenceMessage | undefined; bytes: number }[] = [];

beforeEach(async () => {
  server = await NatsServer.start();
  outsider = await connect({ servers: server.url });
  outsider.subscribe(subject, {
    callback: (_, { data }) => {
      messages.push({ message: decodeMessage(data), bytes: data.length });
    },
  });
  await outsider.flush();
});
afterEach(async () => {
  await outsider.close();
  for (const side of sides.splice(0)) await side.stop();
  await server.stop();
  messages = [];
});

/** What a pod knows of who is where, with a connection of its own. */
class Side {
  readonly frames: PresenceFrame[] = [];
  readonly presence = new Presence({ tell: (_, text) => this.frames.push(JSON.parse(text)) });
  readonly bus: PresenceBus;
  readonly #nats: NatsClient;

  private constructor(nats: NatsClient, beatMs: number) {
    this.#nats = nats;
    this.bus = new PresenceBus(this.presence, new NatsBus(nats, (id) => presenceSubjectOf(CLUSTER, id)), {
      beatMs,
      answerMs: 20,
    });
  }

  static async start(beatMs: number): Promise<Side> {
    const none = {
      user: undefined,
      password: undefined,
      token: undefined,
      nkeyFile: undefined,
      credsFile: undefined,
      tlsCa: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
    };
    const nats = new NatsClient(await natsConnector({ urls: [server.url], name: 'test', ...none }));
    const side = new Side(nats, beatMs);
    sides.push(side);
    await until(async () => side.isConnected);
    return side;
  }

  get isConnected(): boolean {
    return this.#nats.problem === undefined;
  }

  join(user: string): void {
    this.presence.join(workspace, user, `of ${user}`);
  }

  members(): PresenceEntry[] {
    return presenceAnswer.parse(JSON.parse(this.presence.membersText(workspace)));
  }

  users(): string {
    return this.members()
      .map(({ user_id }) => user_id)
      .sort()
      .join(' ');
  }

  /** Is silent from now on, as a process that is killed. */
  stop(): Promise<void> {
    return this.#nats.close();
  }
}

/** Two sides in one room that know each other: alice on one, bob on the other. */
async function two(beatMs: number): Promise<[Side, Side]> {
  const [a, b] = [await Side.start(beatMs), await Side.start(beatMs)];
  a.join('alice');
  b.join('bob');
  await until(async () => a.users() === 'alice bob' && b.users() === 'alice bob');
  return [a, b];
}

/** The latest changes that the pod with this user has published. */
function changesOf(user: string) {
  const found = messages.flatMap(({ message }) => (message?.type === 'changes' ? [message] : []));
  const last = found.findLast(({ here }) => here.some(({ user_id }) => user_id === user));
  if (last === undefined) throw new Error(`nothing was published of ${user}`);
  return last;
}

const entryOf = (user: string): PresenceEntry => ({
  user_id: user,
  session_id: `of ${user}`,
  status: 'online',
  payload: null,
});

test('a pod that falls silent is gone after three beats, and one that has nothing to say is not', async () => {
  const beatMs = 1000;
  const [a, b] = await two(beatMs);
  const c = await Side.start(beatMs);
  c.join('carol');
  await until(async () => a.users() === 'alice bob carol');
  const start = performance.now();
  await b.stop();
  await until(async () => a.users() === 'alice carol');
  expect(performance.now() - start).toBeGreaterThan(beatMs);
  await until(async () => a.frames.some((frame) => 'left' in frame && frame.left[0]?.user_id === 'bob'));
  // Many beats later carol is there still, and was all the time.
  const beats = () => messages.filter(({ message }) => message?.type === 'beat').length;
  const before = beats();
  await until(async () => beats() > before + 20);
  expect(a.users()).toBe('alice carol');
  expect(a.frames.flatMap((frame) => ('left' in frame ? frame.left : [])).map(({ user_id }) => user_id)).toEqual([
    'bob',
  ]);
});

test('a pod that closes is gone at once, long before the first beat', async () => {
  const [a, b] = await two(3_600_000);
  b.bus.close();
  await until(async () => a.users() === 'alice');
});

test('what was missed is asked for when the next change shows it', async () => {
  const [a, b] = await two(3_600_000);
  // As if bob's pod had published something that alice's did not get.
  const { pod, sequence } = changesOf('bob');
  const forged = { type: 'changes', pod, gone: [], here: [JSON.stringify(entryOf('ghost'))] } as const;
  outsider.publish(subject, encodeMessage({ ...forged, sequence: sequence + 2, previous: sequence + 1 }));
  const asked = () => messages.findIndex(({ message }) => message?.type === 'hello' && message.to === pod);
  const listed = () => messages.findLastIndex(({ message }) => message?.type === 'list' && message.pod === pod);
  await until(async () => asked() !== -1 && listed() > asked());
  b.presence.update(workspace, 'of bob', { status: 'busy' });
  await until(async () => a.members().some(({ status }) => status === 'busy'));
  expect(a.users()).toBe('alice bob');
});

test('what was missed is asked for at the next beat, where nothing changes', async () => {
  const [a] = await two(300);
  // As if alice's pod had taken a state of bob's that bob's is no longer in.
  const { pod, sequence } = changesOf('bob');
  outsider.publish(
    subject,
    encodeMessage({
      type: 'changes',
      pod,
      sequence: sequence + 1,
      previous: sequence,
      here: [JSON.stringify(entryOf('ghost'))],
      gone: ['of bob'],
    }),
  );
  // In frames, which stay: it lasts for a beat only.
  const is = (user: string) => (entry: { readonly user_id: string }) => entry.user_id === user;
  await until(async () => a.frames.some((frame) => 'joined' in frame && frame.joined.some(is('ghost'))));
  await until(async () => a.frames.some((frame) => 'left' in frame && frame.left.some(is('bob'))));
  await until(async () => a.users() === 'alice bob');
});

test('what was missed while there was no connection is asked for as soon as there is one', async () => {
  const [a, b] = await two(3_600_000);
  const c = await Side.start(3_600_000);
  await server.end('SIGKILL');
  await until(async () => [a, b, c].every((side) => !side.isConnected));
  b.join('dave');
  b.presence.leave(workspace, 'of bob');
  c.join('carol');
  await server.restart();
  await until(async () => [a, b, c].every((side) => side.users() === 'alice carol dave'));
});

test('a list of which a part is missing changes nothing', async () => {
  const a = await Side.start(3_600_000);
  a.join('alice');
  await until(async () => messages.some(({ message }) => message?.type === 'changes'));
  const list = (part: number, isLast: boolean, user: string) => {
    const here = [JSON.stringify(entryOf(user))];
    outsider.publish(subject, encodeMessage({ type: 'list', pod: 'lossy', sequence: 1, part, isLast, here }));
  };
  list(0, false, 'bob');
  list(2, true, 'dave');
  list(0, false, 'erin');
  list(1, true, 'frank');
  await until(async () => a.members().length > 1);
  expect(a.users()).toBe('alice erin frank');
  expect(a.frames.flatMap((frame) => ('left' in frame ? frame.left : []))).toEqual([]);
});

test('what is no message of this version is dropped', async () => {
  const [a, b] = await two(3_600_000);
  const { pod, sequence } = changesOf('bob');
  const good = { v: 1, pod, type: 'changes', sequence: sequence + 1, previous: sequence, here: [], gone: ['of bob'] };
  const bad: unknown[] = [
    { ...good, v: 2 },
    { ...good, pod: '' },
    { ...good, type: 'other' },
    { ...good, sequence: -1 },
    { ...good, gone: 'of bob' },
    { ...good, here: [{ ...entryOf('ghost'), status: '' }] },
    [good],
    null,
  ];
  for (const one of bad) outsider.publish(subject, JSON.stringify(one));
  for (const bytes of ['', '{', '\u0000', '['.repeat(100_000)]) outsider.publish(subject, bytes);
  // Messages come in order: when this one has come, those before it have.
  b.join('carol');
  await until(async () => a.users().includes('carol'));
  expect(a.users()).toBe('alice bob carol');
});

test('those who ask at the same time get one answer', async () => {
  await two(3_600_000);
  const lists = () => messages.filter(({ message }) => message?.type === 'list').length;
  const before = lists();
  for (let n = 0; n < 200; n += 1) outsider.publish(subject, encodeMessage({ type: 'hello', pod: `asker ${n}` }));
  await until(async () => lists() >= before + 2);
  const after = lists();
  outsider.publish(subject, encodeMessage({ type: 'hello', pod: 'late asker' }));
  await until(async () => lists() >= after + 2);
  // Of each side one; a busy machine may take the questions in a few goes.
  expect(lists() - before).toBeLessThan(20);
});

test('a list that is large goes in several messages, and comes as one', async () => {
  const a = await Side.start(3_600_000);
  for (let n = 0; n < 1000; n += 1) {
    a.join(`user ${n}`);
    a.presence.update(workspace, `of user ${n}`, { payload: 'x'.repeat(4000) });
  }
  await until(async () => messages.filter(({ message }) => message?.type === 'changes').length > 1);
  const b = await Side.start(3_600_000);
  b.join('bob');
  await until(async () => b.members().length === 1001);
  expect(messages.filter(({ message }) => message?.type === 'list').length).toBeGreaterThan(10);
  expect(Math.max(...messages.map(({ bytes }) => bytes))).toBeLessThanOrEqual(256 << 10);
  // In one frame, not bit by bit.
  const joined = () => b.frames.map((frame) => ('joined' in frame ? frame.joined.length : 0));
  await until(async () => Math.max(...joined()) > 1);
  expect(Math.max(...joined())).toBeGreaterThanOrEqual(1000);
  b.presence.leave(workspace, 'of bob');
  expect(b.members()).toEqual([]);
});

test('a server that takes small messages only gets small ones', async () => {
  await server.stop();
  server = await NatsServer.start('max_payload: 8192');
  const [a, b] = [await Side.start(3_600_000), await Side.start(3_600_000)];
  for (const user of ['alice', 'carol', 'dave', 'erin']) {
    a.join(user);
    a.presence.update(workspace, `of ${user}`, { payload: 'x'.repeat(3000) });
  }
  b.join('bob');
  await until(async () => b.users() === 'alice bob carol dave erin');
  for (const user of ['carol', 'dave', 'erin']) a.presence.leave(workspace, `of ${user}`);
  await until(async () => b.users() === 'alice bob');
});

test('a pod that says it has more members than there is space for fills the space, and no more', async () => {
  const a = await Side.start(3_600_000);
  a.join('alice');
  await until(async () => messages.some(({ message }) => message?.type === 'changes'));
  const part = (first: number) => {
    return Array.from({ length: 4000 }, (_, n) => JSON.stringify(entryOf(`user ${first + n}`)));
  };
  for (const [n, isLast] of [false, false, true].entries()) {
    const list = { type: 'list', pod: 'many', sequence: 1, part: n, isLast, here: part(n * 4000) } as const;
    outsider.publish(subject, encodeMessage(list));
  }
  await until(async () => a.members().length > 1);
  expect(a.members()).toHaveLength(MAX_REMOTE_MEMBERS + 1);
  // Its own members need none of that space.
  a.join('bob');
  expect(a.members()).toHaveLength(MAX_REMOTE_MEMBERS + 2);
  // There is space again: what was left out is asked for at the next beat.
  outsider.publish(subject, encodeMessage({ type: 'beat', pod: 'many', sequence: 1 }));
  await until(async () => messages.some(({ message }) => message?.type === 'hello' && message.to === 'many'));
});
