import * as Automerge from '@automerge/automerge';
import { workspaceId } from '@etherply/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encodeEnvelope, STATE_KIND } from '../../src/workspace/envelope.ts';
import { messageId } from '../../src/workspace/message-id.ts';
import { encodeStoredState } from '../../src/workspace/stored-state.ts';
import { NatsServer } from '../nats-server.ts';
import { Pod } from '../pod.ts';
import { TestStream } from './test-stream.ts';

const WORKSPACE = workspaceId.parse('w');

let nats: NatsServer;
let stream: TestStream;
let pod: Pod;

beforeEach(async () => {
  nats = await NatsServer.start();
  pod = await Pod.start({ env: { ETHERPLY_NATS_URL: nats.url } });
  stream = await TestStream.open(nats.url);
});
afterEach(async () => {
  await stream.close();
  await pod.stop();
  await nats.stop();
});

/** A document of one key a change; gives the changes. */
function changesOf(keys: readonly string[]): Uint8Array[] {
  let doc = Automerge.init<Record<string, string>>();
  for (const key of keys) {
    doc = Automerge.change(doc, { time: 0 }, (draft) => {
      draft[key] = 'written';
    });
  }
  return Automerge.getAllChanges(doc);
}

function recordOf(change: Uint8Array): Uint8Array {
  const ops = [{ user: 'bob', id: null, fingerprint: 0, timestamp: null }];
  return encodeEnvelope({ kind: 'automerge', epoch: 1, time: Date.now(), data: change, ops });
}

async function stateOf(records: readonly Uint8Array[]): Promise<Uint8Array> {
  const data = await encodeStoredState({ manifest: undefined, chunks: [], archive: [], records });
  return encodeEnvelope({ kind: STATE_KIND, epoch: 1, time: Date.now(), data, ops: [] });
}

const publish = (bytes: Uint8Array) => stream.stream.publish(WORKSPACE, { id: messageId(WORKSPACE, bytes), bytes });

test('records that wait for earlier ones outlast a state that has only those', async () => {
  const [first, second, ...early] = changesOf(['first', 'second', 'third', 'fourth']).map(recordOf);
  for (const record of early) await publish(record);
  await publish(await stateOf([first, second].flatMap((record) => record ?? [])));
  const written = { first: 'written', second: 'written', third: 'written', fourth: 'written' };
  expect((await pod.read(WORKSPACE)).data).toEqual(written);
  await pod.end('SIGKILL');
  await pod.restart();
  expect((await pod.read(WORKSPACE)).data).toEqual(written);
});
