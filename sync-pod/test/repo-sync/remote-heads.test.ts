import { randomUUID } from 'node:crypto';
import { from, getAllChanges, getHeads, splice } from '@automerge/automerge';
import { type DocHandle, encodeHeads, type StorageId } from '@automerge/automerge-repo';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort, Pod, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
import { MemoryStorage } from './memory-storage.ts';
import { bringing, newId, RawClient } from './raw-client.ts';
import { quiet, StockClient } from './stock-client.ts';

interface Note {
  text: string;
}

const ENV = { ETHERPLY_REPO_SYNC: 'true' };
let pod: Pod | undefined;
let cluster: Cluster | undefined;
const clients: StockClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await pod?.stop();
  await cluster?.stop();
  [pod, cluster] = [undefined, undefined];
});

async function join(to: Pod, options: Parameters<typeof StockClient.connect>[1] = {}): Promise<StockClient> {
  const client = await StockClient.connect(to, { storage: new MemoryStorage(), gossips: true, ...options });
  clients.push(client);
  return client;
}

async function storageOf({ repo }: StockClient): Promise<StorageId> {
  const id = await repo.storageId();
  if (id === undefined) throw new Error('it has a storage');
  return id;
}

/** What the server says that it is called. */
function serverStorage({ repo }: StockClient): StorageId | undefined {
  return Object.values(repo.peerMetadataByPeerId)[0]?.storageId;
}

/** Resolves when `handle` knows that the storage has what `other` has now. */
async function knows(handle: DocHandle<Note>, storage: StorageId, other: DocHandle<Note>): Promise<void> {
  await until(async () => String(handle.getRemoteHeads(storage)) === String(other.heads()));
}

describe('a stock client learns which heads the storage of another has', () => {
  test('on one pod, also what was so before it asked', async () => {
    pod = await Pod.start({ env: { ...ENV, PORT: await freePort() } });
    const [one, two] = [await join(pod), await join(pod)];
    const mine = one.repo.create<Note>({ text: 'a' });
    await until(async () => (await pod?.read(mine.documentId))?.data.text === 'a');
    const theirs = await two.repo.find<Note>(mine.url);
    one.repo.subscribeToRemotes([await storageOf(two)]);
    await knows(mine, await storageOf(two), theirs);
    theirs.change((doc) => splice(doc, ['text'], 1, 0, 'b'));
    await knows(mine, await storageOf(two), theirs);
    await until(async () => mine.doc().text === 'ab');
    // And what it confirms, not only what it writes.
    mine.change((doc) => splice(doc, ['text'], 2, 0, 'c'));
    await knows(mine, await storageOf(two), mine);
    // One that comes later, and asks before it has the document.
    const late = await join(pod);
    late.repo.subscribeToRemotes([await storageOf(two)]);
    const same = await late.repo.find<Note>(mine.url);
    await knows(same, await storageOf(two), theirs);
  });

  test('on another pod, whoever comes first', async () => {
    cluster = await Cluster.start({ pods: 0, env: ENV });
    for (const port of [await freePort(), await freePort()]) await cluster.add({ PORT: port });
    const [one, two] = [await join(cluster.pod(0)), await join(cluster.pod(1))];
    one.repo.subscribeToRemotes([await storageOf(two)]);
    two.repo.subscribeToRemotes([await storageOf(one)]);
    const mine = one.repo.create<Note>({ text: 'a' });
    await until(async () => (await cluster?.pod(1).read(mine.documentId))?.data.text === 'a');
    const theirs = await two.repo.find<Note>(mine.url);
    await knows(mine, await storageOf(two), theirs);
    await knows(theirs, await storageOf(one), mine);
    theirs.change((doc) => splice(doc, ['text'], 1, 0, 'b'));
    await knows(mine, await storageOf(two), theirs);
    await until(async () => mine.doc().text === 'ab');
    mine.change((doc) => splice(doc, ['text'], 2, 0, 'c'));
    await knows(theirs, await storageOf(one), mine);
    await knows(mine, await storageOf(two), mine);
    // NATS goes away: what is so when it is back is known again.
    await cluster.nats.end('SIGKILL');
    await cluster.nats.restart();
    for (const text of ['d', 'e']) mine.change((doc) => splice(doc, ['text'], 0, 0, text));
    await until(async () => theirs.doc().text.startsWith('ed'));
    await knows(mine, await storageOf(two), mine);
  });
});

describe('the server is a storage', () => {
  test('of which a client knows that it has what it wrote, the same after a restart', async () => {
    pod = await Pod.start({ env: { ...ENV, PORT: await freePort() } });
    const client = await join(pod, { gossips: false });
    const mine = client.repo.create<Note>({ text: 'a' });
    await until(async () => serverStorage(client) !== undefined);
    const server = serverStorage(client);
    if (server === undefined) throw new Error('it has a storage');
    await knows(mine, server, mine);
    mine.change((doc) => splice(doc, ['text'], 1, 0, 'b'));
    await knows(mine, server, mine);
    // It is told after that is durable. What it still answers must not meet a socket that is gone: the library would give the document up.
    await quiet(pod);
    await pod.end('SIGKILL');
    await pod.restart();
    expect((await pod.read(mine.documentId)).data.text).toBe('ab');
    mine.change((doc) => splice(doc, ['text'], 2, 0, 'c'));
    await knows(mine, server, mine);
    expect((await pod.read(mine.documentId)).data.text).toBe('abc');
  });

  test('under the name that it was given, on all pods: a client goes on with another one from what it remembers', async () => {
    const id = randomUUID();
    cluster = await Cluster.start({ pods: 2, env: { ...ENV, ETHERPLY_REPO_STORAGE_ID: id } });
    const storage = new MemoryStorage();
    const first = await join(cluster.pod(0), { storage });
    const mine = first.repo.create<Note>({ text: 'a' });
    await until(async () => serverStorage(first) === id);
    await knows(mine, id as StorageId, mine);
    await until(async () => storage.keys.some((key) => key.includes(`sync-state/${id}`)));
    await first.repo.flush();
    const second = await join(cluster.pod(1), { storage });
    const same = await second.repo.find<Note>(mine.url);
    same.change((doc) => splice(doc, ['text'], 1, 0, 'b'));
    await knows(same, id as StorageId, same);
    await until(async () => mine.doc().text === 'ab');
  });
});

/** Resolves when the pod has taken in what the first has sent: the second hears what it sends after that. */
async function taken(from: RawClient, heardBy: RawClient, documentId: string): Promise<void> {
  const passing = { documentId, sessionId: 's', count: 1, data: new Uint8Array(1) };
  from.send({ type: 'ephemeral', senderId: 'raw', targetId: 'pod', ...passing });
  await heardBy.hears('ephemeral');
}

describe('what clients tell of other storages', () => {
  test('is passed on where it is newer, to those who have asked and have the document', async () => {
    pod = await Pod.start({ env: ENV });
    const [document, other] = [newId(), newId()];
    const doc = from({ text: 'x' });
    const [one, two, stranger] = [
      await RawClient.joined(pod, 'one'),
      await RawClient.joined(pod, 'two'),
      await RawClient.joined(pod, 'three', 'eve', { workspaces: ['acme:*'] }),
    ];
    for (const client of [one, two]) {
      client.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
      await client.hears('sync');
    }
    const subscribe = {
      type: 'remote-subscription-change',
      senderId: 'x',
      targetId: 'pod',
      add: ['storage', 'unread'],
    };
    for (const client of [one, two, stranger]) client.send(subscribe);
    await taken(two, one, document);
    const heads = encodeHeads(getHeads(doc));
    const tell = (documentId: string, timestamp: number, storage = 'storage', told: unknown = heads) => {
      const newHeads = { [storage]: { heads: told, timestamp } };
      one.send({ type: 'remote-heads-changed', senderId: 'one', targetId: 'pod', documentId, newHeads });
    };
    tell(other, 1);
    for (const timestamp of [5, 4, 5, 6]) tell(document, timestamp);
    tell(document, 7, 'unasked');
    tell(
      document,
      7,
      'unread',
      [...Array(65)].map(() => heads[0]),
    );
    // From a clock that is ahead: it does not keep others from being heard.
    tell(document, Date.now() + 1e9);
    tell(document, Date.now() + 1e9 + 1);
    const told = () => two.heard.filter(({ type }) => type === 'remote-heads-changed');
    await until(async () => told().length >= 3);
    expect(told().slice(0, 2)).toMatchObject(
      [5, 6].map((timestamp) => ({ documentId: document, newHeads: { storage: { heads, timestamp } } })),
    );
    expect(JSON.stringify(told())).not.toMatch(/unasked|unread/);
    for (const { newHeads } of told()) {
      expect(Object.values(newHeads as Record<string, { timestamp: number }>)[0]?.timestamp).toBeLessThan(
        Date.now() + 1,
      );
    }
    for (const client of [one, stranger]) {
      expect(client.heard.some(({ type }) => type === 'remote-heads-changed')).toBe(false);
      expect(client.closeCode).toBeUndefined();
    }
    for (const client of [one, two, stranger]) client.close();
  });

  test('of the server itself counts for nothing, and a connection asks for so many at most', async () => {
    pod = await Pod.start({ env: ENV });
    const document = newId();
    const doc = from({ text: 'x' });
    const [one, two] = [await RawClient.joined(pod, 'one'), await RawClient.joined(pod, 'two')];
    const peer = await two.hears('peer');
    const server = (peer.peerMetadata as { storageId: string }).storageId;
    for (const client of [one, two]) {
      client.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
      await client.hears('sync');
    }
    const subscribe = { type: 'remote-subscription-change', senderId: 'two', targetId: 'pod' };
    two.send({ ...subscribe, add: [server, ...[...Array(999)].map((_, n) => `s${n}`)] });
    two.send({ ...subscribe, add: ['s1', 'a', 'b'] });
    expect(await two.hears('error')).toMatchObject({ message: expect.stringContaining('1000') });
    two.send({ ...subscribe, remove: ['s7'], add: ['a', 's1'] });
    await taken(two, one, document);
    const newHeads = Object.fromEntries(
      [server, 's7', 'b', 'a'].map((storage) => [storage, { heads: encodeHeads(getHeads(doc)), timestamp: 5 }]),
    );
    one.send({ type: 'remote-heads-changed', senderId: 'one', targetId: 'pod', documentId: document, newHeads });
    const told = await two.hears('remote-heads-changed');
    expect(Object.keys(told.newHeads as object)).toEqual(['a']);
    for (const client of [one, two]) client.close();
  });

  test.each([
    ['no hash', { storage: { heads: ['no hash'], timestamp: 1 } }],
    ['no list', { storage: { heads: 7, timestamp: 1 } }],
    ['no time', { storage: { heads: [] } }],
    ['too many', Object.fromEntries([...Array(65)].map((_, n) => [`s${n}`, { heads: [], timestamp: 1 }]))],
  ])('and cannot be read, closes the connection: %s', async (_, newHeads) => {
    pod = await Pod.start({ env: ENV });
    const client = await RawClient.joined(pod);
    client.send({ type: 'remote-heads-changed', senderId: 'raw', targetId: 'pod', documentId: newId(), newHeads });
    expect(await client.closed()).toBe(4400);
  });

  test('too fast, closes the connection', async () => {
    pod = await Pod.start({ env: { ...ENV, ETHERPLY_MAX_OPS_PER_SECOND: '100' } });
    const client = await RawClient.joined(pod);
    const [head] = encodeHeads(getHeads(from({ text: 'x' })));
    const newHeads = Object.fromEntries(
      [...Array(10)].map((__, n) => [`s${n}`, { heads: [...Array(50)].map(() => head), timestamp: 1 }]),
    );
    const message = { type: 'remote-heads-changed', senderId: 'raw', targetId: 'pod', documentId: newId(), newHeads };
    for (let n = 0; n < 10; n += 1) client.send(message);
    expect(await client.closed()).toBe(4429);
  });
});
