import { from, getAllChanges, getHeads, splice } from '@automerge/automerge';
import { parseWorkspaceId } from '@etherply/protocol';
import { ephemeralSubjectOf } from '@etherply/stream';
import { afterEach, expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { freePort, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
import { bringing, newId, RawClient } from './raw-client.ts';
import { StockClient } from './stock-client.ts';

interface Note {
  text: string;
}

let cluster: Cluster;
const clients: StockClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await cluster.stop();
});

test('stock clients on two pods edit one document, whichever pod is killed, and a third pod has it', async () => {
  cluster = await Cluster.start({ pods: 0, env: { ETHERPLY_REPO_SYNC: 'true' } });
  for (const port of [await freePort(), await freePort()]) await cluster.add({ PORT: port });
  const [one, two] = [await StockClient.connect(cluster.pod(0)), await StockClient.connect(cluster.pod(1))];
  clients.push(one, two);
  const mine = one.repo.create<Note>({ text: '' });
  const id = mine.documentId;
  await until(async () => (await cluster.pod(1).read(id)).data.text === '');
  const theirs = await two.repo.find<Note>(mine.url);
  for (let n = 0; n < 40; n += 1) {
    mine.change((doc) => splice(doc, ['text'], 0, 0, 'a'));
    theirs.change((doc) => splice(doc, ['text'], doc.text.length, 0, 'b'));
    if (n === 20) {
      await cluster.pod(1).end('SIGKILL');
      await cluster.pod(1).restart();
    }
  }
  const whole = 'a'.repeat(40) + 'b'.repeat(40);
  const letters = (text: unknown) => [...String(text)].sort().join('');
  await until(async () => letters(mine.doc().text) === whole && letters(theirs.doc().text) === whole);
  await until(async () => letters((await cluster.agreed(id)).data.text) === whole);
  expect(mine.doc()).toEqual(theirs.doc());
  const third = await cluster.add();
  expect((await third.read(id)).data).toEqual(mine.doc());
});

test('what a client says in passing is heard on all pods, once', async () => {
  cluster = await Cluster.start({ pods: 0, env: { ETHERPLY_REPO_SYNC: 'true' } });
  for (const port of [await freePort(), await freePort()]) await cluster.add({ PORT: port });
  const [one, near, far] = await Promise.all([0, 0, 1].map((pod) => StockClient.connect(cluster.pod(pod))));
  if (one === undefined || near === undefined || far === undefined) throw new Error('there are three');
  clients.push(one, near, far);
  const mine = one.repo.create<Note>({ text: '' });
  const others = await Promise.all(
    [near, far].map(async ({ repo }, pod) => {
      await until(async () => (await cluster.pod(pod).read(mine.documentId)).data.text === '');
      return repo.find<Note>(mine.url);
    }),
  );
  const heard = [mine, ...others].map((handle) => {
    const messages: unknown[] = [];
    handle.on('ephemeral-message', ({ message }) => messages.push(message));
    return messages;
  });
  // The pods have subscribed when something comes through.
  await until(async () => {
    mine.broadcast({ begins: true });
    return heard[2]?.some((message) => JSON.stringify(message).includes('begins')) === true;
  });
  for (let n = 0; n < 20; n += 1) mine.broadcast({ n });
  others[1]?.broadcast({ back: true });
  const counted = Array.from({ length: 20 }, (_, n) => ({ n }));
  const apart = (messages: unknown[] | undefined, name: string) =>
    messages?.filter((message) => JSON.stringify(message).includes(`"${name}"`));
  await until(async () => [1, 2].every((at) => apart(heard[at], 'n')?.length === 20));
  await until(async () => [0, 1].every((at) => apart(heard[at], 'back')?.length === 1));
  for (const at of [1, 2]) expect(apart(heard[at], 'n')).toEqual(counted);
  expect(apart(heard[0], 'n')).toEqual([]);
  expect(apart(heard[2], 'back')).toEqual([]);
});

test('what is said in passing on another pod keeps to the rules, and a lie on the bus has no effect', async () => {
  cluster = await Cluster.start({ pods: 2, env: { ETHERPLY_REPO_SYNC: 'true' } });
  const [one, two] = [await RawClient.joined(cluster.pod(0), 'one'), await RawClient.joined(cluster.pod(1), 'two')];
  const document = newId();
  const doc = from({ text: 'x' });
  for (const client of [one, two]) {
    client.sync(document, bringing(getAllChanges(doc), getHeads(doc)));
    await client.hears('sync');
  }
  const say = (count: number, bytes = 1) => {
    const data = new Uint8Array(bytes).fill(count);
    one.send({
      type: 'ephemeral',
      senderId: 'one',
      targetId: 'pod',
      documentId: document,
      sessionId: 's',
      count,
      data,
    });
  };
  const counts = () => two.heard.filter(({ type }) => type === 'ephemeral').map(({ count }) => count);
  let begins = 0;
  await until(async () => {
    say(begins++);
    return counts().length > 0;
  });
  const first = counts()[0];
  const nats = await connect({ servers: cluster.nats.url });
  const workspace = parseWorkspaceId(document);
  if (workspace === undefined) throw new Error('it is the id of a workspace');
  nats.publish(ephemeralSubjectOf('etherply', workspace), Uint8Array.from([1, 2, 3]));
  await nats.drain();
  for (const count of [1000, 1000, 999, 1001]) say(count);
  say(1002, 300 * 1024);
  say(1003);
  await until(async () => counts().includes(1003));
  expect(counts().filter((count) => Number(count) >= 1000)).toEqual([1000, 1001, 1003]);
  expect(new Set(counts()).size).toBe(counts().length);
  expect(first).toBe(Math.min(...counts().map(Number)));
  for (const client of [one, two]) client.close();
});

test('JSON clients are told heads that they have all of, also where a later change waits for the stream', async () => {
  cluster = await Cluster.start({ pods: 0, env: { ETHERPLY_REPO_SYNC: 'true' } });
  const pod = await cluster.add({ PORT: await freePort() });
  const [first, second] = [await StockClient.connect(pod), await StockClient.connect(pod)];
  clients.push(first, second);
  const mine = first.repo.create<Record<string, number>>({ zero: 0 });
  const id = mine.documentId;
  await until(async () => (await pod.read(id)).data.zero === 0);
  const theirs = await second.repo.find<Record<string, number>>(mine.url);
  const json = await pod.connect(id, { batch: '1' });
  await json.take('init');
  await cluster.nats.pause();
  // A client sends nothing more until it is answered.
  for (const [handle, key] of [[mine, 'one'] as const, [theirs, 'two'] as const]) {
    handle.change((doc) => {
      doc[key] = 1;
    });
    await until(async () => (await pod.read(id)).data[key] === 1);
  }
  cluster.nats.resume();
  const [one, two] = [await json.take('ops'), await json.take('ops')];
  expect([...one.payload, ...two.payload]).toMatchObject([{ key: 'one' }, { key: 'two' }]);
  const again = await pod.connect(id, { heads: one.heads.join(',') });
  expect((await again.take('delta')).ops).toMatchObject([{ key: 'two' }]);
});
