import { splice } from '@automerge/automerge';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freePort, Pod, until } from '../pod.ts';
import { StockClient } from './stock-client.ts';

interface Note {
  text: string;
}

const CACHE_BYTES = 4096;
const TEXT_LENGTH = 2000;
const NOTES = 4;

let pod: Pod;
const clients: StockClient[] = [];
beforeEach(async () => {
  const env = { ETHERPLY_REPO_SYNC: 'true', ETHERPLY_DOCUMENT_CACHE_BYTES: String(CACHE_BYTES) };
  pod = await Pod.start({ env: { ...env, PORT: await freePort() } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await pod.stop();
});

async function connect(): Promise<StockClient> {
  const client = await StockClient.connect(pod);
  clients.push(client);
  return client;
}

test('more documents are edited than are in memory, by clients of both protocols', async () => {
  const [one, two] = [await connect(), await connect()];
  const mine = Array.from({ length: NOTES }, () => one.repo.create<Note>({ text: 'x'.repeat(TEXT_LENGTH) }));
  for (const { documentId } of mine) await until(async () => 'text' in (await pod.read(documentId)).data);
  const theirs = await Promise.all(mine.map(({ url }) => two.repo.find<Note>(url)));
  for (let n = 0; n < 20; n += 1) {
    for (const [i, handle] of mine.entries()) {
      handle.change((doc) => splice(doc, ['text'], 0, 0, 'a'));
      theirs[i]?.change((doc) => splice(doc, ['text'], doc.text.length, 0, 'b'));
    }
    await until(async () => mine.every((handle, i) => handle.doc().text === theirs[i]?.doc().text));
  }
  const whole = `${'a'.repeat(20)}${'x'.repeat(TEXT_LENGTH)}${'b'.repeat(20)}`;
  for (const [i, { documentId }] of mine.entries()) {
    expect(mine[i]?.doc().text).toBe(whole);
    await until(async () => (await pod.read(documentId)).data.text === whole);
    const json = await pod.connect(documentId);
    await json.set('title', 'by JSON');
    await until(async () => 'title' in (theirs[i]?.doc() ?? {}));
    json.close();
  }
  // One of them alone is larger than all may be.
  expect(await pod.metric('etherply_document_bytes')).toBeLessThan(NOTES * TEXT_LENGTH * 8);
});

test('a large document is read by who comes later, and what is typed in it comes to all', async () => {
  const writer = await connect();
  const mine = writer.repo.create<Note>({ text: 'y'.repeat(140_000) });
  await until(async () => 'text' in (await pod.read(mine.documentId)).data);
  await pod.end('SIGKILL');
  await pod.restart();
  const reader = await connect();
  const theirs = await reader.repo.find<Note>(mine.url);
  expect(theirs.doc().text).toHaveLength(140_000);
  mine.change((doc) => splice(doc, ['text'], 0, 0, 'now '));
  await until(async () => theirs.doc().text.startsWith('now y'));
});
