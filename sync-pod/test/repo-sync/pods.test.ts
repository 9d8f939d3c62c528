import { splice } from '@automerge/automerge';
import { afterEach, expect, test } from '@jest/globals';
import { freePort, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
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
