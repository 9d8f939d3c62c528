import * as Automerge from '@automerge/automerge';
import { type StrategyName, workspaceId } from '@etherply/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encodeRecord } from '../../src/strategy/registers/record.ts';
import { encodeEnvelope, STATE_KIND } from '../../src/workspace/state/envelope.ts';
import { encodeStoredState } from '../../src/workspace/state/stored-state.ts';
import { NatsServer } from '../nats-server.ts';
import { Pod } from '../pod.ts';
import { recordOf, TestStream } from './test-stream.ts';

const WORKSPACE = workspaceId.parse('w');

let nats: NatsServer;
let stream: TestStream;
let pod: Pod;

beforeEach(async () => {
  nats = await NatsServer.start();
  stream = await TestStream.open(nats.url);
});
afterEach(async () => {
  await stream.close();
  await pod.stop();
  await nats.stop();
});

/** The changes of a document, which write one key each. */
function changesOf(keys: readonly string[]): Uint8Array[] {
  let doc = Automerge.init<Record<string, string>>();
  for (const key of keys) {
    doc = Automerge.change(doc, { time: 0 }, (draft) => {
      draft[key] = 'written';
    });
  }
  return Automerge.getAllChanges(doc);
}

/** The nth record of a pod of a server-auth workspace, which sets one key. */
function settingOf(seq: number, key: string): Uint8Array {
  const write = { key, json: String(seq), timestamp: seq, logical: 0, user: 'bob' };
  return recordOf('server-auth', encodeRecord({ actor: 'another pod', seq, time: seq, writes: [write] }));
}

async function stateOf(records: readonly Uint8Array[]): Promise<Uint8Array> {
  const data = await encodeStoredState({ manifest: undefined, chunks: [], archive: [], records });
  return encodeEnvelope({ kind: STATE_KIND, epoch: 1, time: Date.now(), data, ops: [] });
}

const publish = (bytes: Uint8Array) => stream.publish(WORKSPACE, bytes);

const start = async (strategy: StrategyName) => {
  pod = await Pod.start({ env: { ETHERPLY_NATS_URL: nats.url, ETHERPLY_SYNC_STRATEGY: strategy } });
  await pod.ready();
};

/** What the workspace holds now, and after a restart. */
async function expectData(data: Record<string, unknown>): Promise<void> {
  expect((await pod.read(WORKSPACE)).data).toEqual(data);
  await pod.end('SIGKILL');
  await pod.restart();
  expect((await pod.read(WORKSPACE)).data).toEqual(data);
}

test('records that wait for earlier ones outlast a state that has only those', async () => {
  await start('automerge');
  const changes = changesOf(['first', 'second', 'third', 'fourth']);
  const [first, second, ...early] = changes.map((change) => recordOf('automerge', change));
  for (const record of early) await publish(record);
  await publish(await stateOf([first, second].flatMap((record) => record ?? [])));
  await expectData({ first: 'written', second: 'written', third: 'written', fourth: 'written' });
});

test('where the order counts, a state with earlier records gives it', async () => {
  await start('server-auth');
  const [first, second, third] = [settingOf(1, 'a'), settingOf(2, 'b'), settingOf(3, 'a')];
  await publish(third);
  await publish(await stateOf([first, second, third]));
  await publish(settingOf(4, 'c'));
  await expectData({ a: 3, b: 2, c: 4 });
});
