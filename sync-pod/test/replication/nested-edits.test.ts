import { isDeepStrictEqual } from 'node:util';
import * as Automerge from '@automerge/automerge';
import { workspaceId } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import { NatsServer } from '../nats-server.ts';
import { Pod, until } from '../pod.ts';
import { recordOf, TestStream } from './test-stream.ts';

interface Note {
  text: string;
  items: { done: boolean }[];
  count: Automerge.Counter;
}

const WORKSPACE = workspaceId.parse('note');

let nats: NatsServer;
let stream: TestStream;
const pods: Pod[] = [];
afterEach(async () => {
  for (const pod of pods.splice(0)) await pod.stop();
  await stream.close();
  await nats.stop();
});

async function start(): Promise<Pod> {
  const pod = await Pod.start({ env: { ETHERPLY_NATS_URL: nats.url, ETHERPLY_COMPACT_FROM_BYTES: '8192' } });
  pods.push(pod);
  await pod.ready();
  return pod;
}

/** As a pod does whose client has made this change. */
function publish(change: Uint8Array): Promise<void> {
  return stream.publish(WORKSPACE, recordOf('automerge', change));
}

test('edits inside values come to JSON clients as whole values, and outlive restarts, compactions and volumes', async () => {
  nats = await NatsServer.start();
  const pod = await start();
  stream = await TestStream.open(nats.url);
  const client = await pod.connect(WORKSPACE);
  await client.set('title', 'by JSON');

  let note = Automerge.init<Note>({ actor: '77'.repeat(16) });
  const edit = async (change: (draft: Note) => void) => {
    note = Automerge.change(note, change);
    await publish(Automerge.getLastLocalChange(note) ?? new Uint8Array());
  };
  await edit((draft) => {
    draft.text = 'hello';
    draft.items = [{ done: false }];
    draft.count = new Automerge.Counter(1);
  });
  await until(async () => (await pod.read(WORKSPACE)).data.text === 'hello');
  await edit((draft) => {
    Automerge.splice(draft, ['text'], 5, 0, ' world');
    const [item] = draft.items;
    if (item !== undefined) item.done = true;
    draft.count.increment(2);
  });
  const expected = { title: 'by JSON', text: 'hello world', items: [{ done: true }], count: 3 };
  await until(async () => (await pod.read(WORKSPACE)).data.count === 3);
  expect((await pod.read(WORKSPACE)).data).toEqual(expected);
  const told: Record<string, unknown> = { title: 'by JSON' };
  while (!isDeepStrictEqual(told, expected)) {
    const { payload } = await client.take('op');
    if ('value' in payload) told[payload.key] = payload.value;
  }
  await client.set('title', 'again');
  for (let n = 0; n < 80; n += 1)
    await edit((draft) => Automerge.splice(draft, ['text'], draft.text.length, 0, `, ${n}`));
  await until(async () => (await pod.read(WORKSPACE)).data.text === note.text);
  await until(async () => (await pod.metric('etherply_compactions_total')) > 0);
  await pod.end('SIGKILL');
  await pod.restart();
  await pod.ready();
  const fresh = await start();
  await edit((draft) => Automerge.splice(draft, ['text'], 0, 5, 'bye'));
  const last = { ...expected, title: 'again', text: note.text };
  for (const one of [pod, fresh]) {
    await until(async () => (await one.read(WORKSPACE)).data.text === note.text);
    expect((await one.read(WORKSPACE)).data).toEqual(last);
  }
  expect((await pod.read(WORKSPACE)).heads).toEqual((await fresh.read(WORKSPACE)).heads);
});
