import { splice } from '@automerge/automerge';
import type { AutomergeUrl } from '@automerge/automerge-repo';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort, Pod, until } from '../pod.ts';
import { quiet, StockClient } from './stock-client.ts';

interface Note {
  text: string;
  items: { done: boolean }[];
}

let pod: Pod;
const clients: StockClient[] = [];
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true', PORT: await freePort() } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await pod.stop();
});

async function connect(options: Parameters<typeof StockClient.connect>[1] = {}): Promise<StockClient> {
  const client = await StockClient.connect(pod, options);
  clients.push(client);
  return client;
}

const NOTE: Note = { text: 'hello', items: [{ done: false }] };

describe('stock automerge-repo clients', () => {
  test('see what each other edits, and it is there after a restart', async () => {
    const [one, two] = [await connect(), await connect()];
    const mine = one.repo.create<Note>(NOTE);
    await until(async () => Object.keys((await pod.read(mine.documentId)).data).length === 2);
    const theirs = await two.repo.find<Note>(mine.url);
    expect(theirs.doc()).toEqual(NOTE);
    theirs.change((doc) => splice(doc, ['text'], 5, 0, ' world'));
    await until(async () => mine.doc().text === 'hello world');
    mine.change((doc) => {
      const [item] = doc.items;
      if (item !== undefined) item.done = true;
    });
    await until(async () => theirs.doc().items[0]?.done === true);
    await until(async () => JSON.stringify((await pod.read(mine.documentId)).data).includes('true'));
    await pod.end('SIGKILL');
    await pod.restart();
    expect((await pod.read(mine.documentId)).data).toEqual({ text: 'hello world', items: [{ done: true }] });
  });

  test('and JSON clients are in one workspace', async () => {
    const client = await connect();
    const handle = client.repo.create<Record<string, unknown>>({ ...NOTE });
    await until(async () => (await pod.read(handle.documentId)).data.text === 'hello');
    const json = await pod.connect(handle.documentId);
    await json.set('title', 'by JSON');
    await until(async () => String(handle.doc().title) === 'by JSON');
    handle.change((doc) => splice(doc, ['text'], 0, 5, 'bye'));
    // What changed while nobody was there to be told is in the state that it began with, and not told again.
    expect((await json.take('op')).payload).toMatchObject({ key: 'text', value: 'bye' });
  });

  test('that join all at once have everything, also what is changed meanwhile', async () => {
    const writer = await connect();
    const mine = writer.repo.create<Note>(NOTE);
    await until(async () => (await pod.read(mine.documentId)).data.text === 'hello');
    const joining = await Promise.all(Array.from({ length: 10 }, () => connect()));
    const theirs = joining.map(async (client, n) => {
      if (n % 3 === 0) mine.change((doc) => splice(doc, ['text'], 0, 0, `${n}`));
      return client.repo.find<Note>(mine.url);
    });
    for (const handle of await Promise.all(theirs)) await until(async () => handle.doc().text === '9630hello');
  });

  test('are told that a document is not there', async () => {
    const client = await connect();
    await expect(client.repo.find('automerge:2akvofn6L1o4RMUEMQi7qzwRjKWZ' as AutomergeUrl)).rejects.toThrow(
      /unavailable/,
    );
  });

  test('who may only read see everything, change nothing, and do not loop', async () => {
    const writer = await connect();
    const mine = writer.repo.create<Note>(NOTE);
    await until(async () => (await pod.read(mine.documentId)).data.text === 'hello');
    const reader = await connect({ claims: { sub: 'bob', scopes: ['read'] } });
    const theirs = await reader.repo.find<Note>(mine.url);
    theirs.change((doc) => splice(doc, ['text'], 0, 0, 'not '));
    mine.change((doc) => splice(doc, ['text'], 5, 0, '!'));
    await until(async () => theirs.doc().text === 'not hello!');
    expect((await pod.read(mine.documentId)).data.text).toBe('hello!');
    const received = await quiet(pod);
    mine.change((doc) => splice(doc, ['text'], 6, 0, '!'));
    await until(async () => theirs.doc().text.endsWith('!!'));
    expect((await quiet(pod)) - received).toBeLessThan(5_000);
    expect(mine.doc().text).toBe('hello!!');
  });

  test('have only the workspaces that their token is for', async () => {
    const writer = await connect();
    const mine = writer.repo.create<Note>(NOTE);
    await until(async () => (await pod.read(mine.documentId)).data.text === 'hello');
    const stranger = await connect({ claims: { sub: 'eve', scopes: ['admin'], workspaces: ['acme:*'] } });
    await expect(stranger.repo.find(mine.url)).rejects.toThrow(/unavailable/);
    const one = await connect({ path: `/v1/repo/${mine.documentId}` });
    expect((await one.repo.find<Note>(mine.url)).doc()).toEqual(NOTE);
    const other = await connect({ path: '/v1/repo/another' });
    await expect(other.repo.find(mine.url)).rejects.toThrow(/unavailable/);
  });

  test('hear what others say in passing, once', async () => {
    const [one, two] = [await connect(), await connect()];
    const mine = one.repo.create<Note>(NOTE);
    await until(async () => (await pod.read(mine.documentId)).data.text === 'hello');
    const theirs = await two.repo.find<Note>(mine.url);
    const heard: unknown[] = [];
    theirs.on('ephemeral-message', ({ message }) => heard.push(message));
    mine.broadcast({ cursor: 1 });
    mine.broadcast({ cursor: 2 });
    await until(async () => heard.length === 2);
    expect(heard).toEqual([{ cursor: 1 }, { cursor: 2 }]);
  });

  test('offline edits of both come together', async () => {
    const [one, two] = [await connect(), await connect()];
    const mine = one.repo.create<Note>(NOTE);
    await until(async () => (await pod.read(mine.documentId)).data.text === 'hello');
    const theirs = await two.repo.find<Note>(mine.url);
    await pod.end('SIGKILL');
    mine.change((doc) => splice(doc, ['text'], 0, 0, 'A'));
    theirs.change((doc) => splice(doc, ['text'], 5, 0, 'B'));
    await pod.restart();
    await until(async () => mine.doc().text === 'AhelloB' && theirs.doc().text === 'AhelloB');
    expect((await pod.read(mine.documentId)).data.text).toBe('AhelloB');
  });
});
