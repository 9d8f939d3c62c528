import * as Automerge from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { Follower } from '../../src/repo-sync/follower.ts';
import { AutomergeStrategy } from '../../src/strategy/automerge/automerge-strategy.ts';
import { messageOf, Replica } from '../strategies/replica.ts';

type Content = Record<string, unknown>;

/** A workspace with one key, as a pod has it when a client of automerge-repo opens it. */
async function begin(): Promise<{ pod: Replica; strategy: AutomergeStrategy; doc: Automerge.Doc<Content> }> {
  const pod = new Replica('automerge');
  const { strategy } = pod;
  if (!(strategy instanceof AutomergeStrategy)) throw new Error('another strategy');
  await write(pod, 'first', 1);
  strategy.complete(Buffer.concat(pod.tail), pod.position);
  return { pod, strategy, doc: Automerge.loadIncremental(Automerge.init<Content>(), Buffer.concat(pod.tail)) };
}

async function write(pod: Replica, key: string, value: unknown): Promise<void> {
  await pod.write([messageOf([{ key, value }])]);
}

/** What a peer with this document says. */
function saying(doc: Automerge.Doc<Content>, changes: Uint8Array[] = []) {
  return { heads: Automerge.getHeads(doc), isAsking: false, changes };
}

function take(doc: Automerge.Doc<Content>, message: Uint8Array): Automerge.Doc<Content> {
  return Automerge.receiveSyncMessage(doc, Automerge.initSyncState(), message)[0];
}

function follow(strategy: AutomergeStrategy, doc: Automerge.Doc<Content>): Follower {
  const follower = Follower.at(strategy, Automerge.getHeads(doc));
  if (follower === undefined) throw new Error('it is not known what the peer has');
  return follower;
}

test('it is told what is new, once, and all who lack the same are told by one message', async () => {
  const { pod, strategy, doc } = await begin();
  const [one, other] = [follow(strategy, doc), follow(strategy, doc)];
  expect(one.tell()).toBeNull();
  await write(pod, 'second', 2);
  await write(pod, 'third', [3]);
  const message = one.tell();
  expect(other.tell()).toBe(message);
  expect(one.tell()).toBeNull();
  const told = take(doc, message ?? new Uint8Array());
  expect(Automerge.toJS(told)).toEqual({ first: 1, second: 2, third: [3] });
  expect(one.hear(saying(told), [])).toBe(true);
  expect(one.tell()).toBeNull();
});

test('what it brought is confirmed, and not sent back; what others wrote at the same time is sent', async () => {
  const { pod, strategy, doc } = await begin();
  const follower = follow(strategy, doc);
  const edited = Automerge.change(doc, (content) => {
    content.mine = true;
  });
  const change = Automerge.getLastLocalChange(edited) ?? new Uint8Array();
  await write(pod, 'theirs', true);
  await pod.receive({ data: change, timestamps: [] });
  expect(follower.hear(saying(edited, [change]), [change])).toBe(true);
  const message = follower.tell() ?? new Uint8Array();
  const { heads, changes } = Automerge.decodeSyncMessage(message);
  expect(changes).toEqual([pod.tail[1]]);
  expect(heads.toSorted()).toEqual([...strategy.heads()].sort());
  expect(Automerge.toJS(take(edited, message))).toEqual({ first: 1, mine: true, theirs: true });
  expect(follower.tell()).toBeNull();
});

test('what a peer makes after it was told comes without being asked for', async () => {
  const { pod, strategy, doc } = await begin();
  const follower = follow(strategy, doc);
  await write(pod, 'second', 2);
  const [told, peer] = Automerge.receiveSyncMessage(
    doc,
    Automerge.initSyncState(),
    follower.tell() ?? new Uint8Array(),
  );
  const edited = Automerge.change(told, (content) => {
    content.mine = true;
  });
  const [, message] = Automerge.generateSyncMessage(edited, peer);
  const { changes } = Automerge.decodeSyncMessage(message ?? new Uint8Array());
  expect(changes).toEqual([Automerge.getLastLocalChange(edited)]);
});

test('it is no follower any more when it asks for something, has something else, or has less than it had', async () => {
  const { pod, strategy, doc } = await begin();
  expect(Follower.at(strategy, [])).toBeUndefined();
  expect(Follower.at(strategy, ['ab'.repeat(32)])).toBeUndefined();
  const follower = follow(strategy, doc);
  await write(pod, 'second', 2);
  const told = take(doc, follower.tell() ?? new Uint8Array());
  expect(follower.hear({ ...saying(told), isAsking: true }, [])).toBe(false);
  expect(follower.hear({ ...saying(told), heads: [] }, [])).toBe(false);
  expect(follower.hear({ ...saying(told), heads: ['ab'.repeat(32)] }, [])).toBe(false);
  expect(follower.hear(saying(told), [])).toBe(true);
  expect(follower.hear(saying(doc), [])).toBe(false);
});

test('it is told what is new where there is no document any more, and where there is another one', async () => {
  const { pod, strategy, doc } = await begin();
  const follower = follow(strategy, doc);
  pod.dropDocument();
  expect(strategy.isComplete).toBe(false);
  await write(pod, 'second', 2);
  const told = take(doc, follower.tell() ?? new Uint8Array());
  strategy.complete(Buffer.concat(pod.tail), pod.position);
  await write(pod, 'third', 3);
  expect(Automerge.toJS(take(told, follower.tell() ?? new Uint8Array()))).toEqual({ first: 1, second: 2, third: 3 });
  expect(follower.tell()).toBeNull();
});

test('what it lacks is remembered for some time only', async () => {
  const { pod, strategy, doc } = await begin();
  const [late, later] = [follow(strategy, doc), follow(strategy, doc)];
  for (let n = 0; n < 1024; n += 1) await write(pod, 'n', n);
  expect(Automerge.toJS(take(doc, late.tell() ?? new Uint8Array()))).toEqual({ first: 1, n: 1023 });
  await write(pod, 'n', 1024);
  expect(later.tell()).toBeUndefined();
  expect(Follower.at(strategy, Automerge.getHeads(doc))).toBeUndefined();
});
