import { splice } from '@automerge/automerge';
import { afterEach, expect, test } from '@jest/globals';
import { freePort, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
import { CONTROL_TOKEN, ControlPlane } from '../replication/control-plane.ts';
import { StockClient } from './stock-client.ts';

interface Note {
  text: string;
}

const ROUNDS = 2;

let cluster: Cluster;
const clients: StockClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await cluster.stop();
});

test('clients of a pod that is drained, or ended, while they type have everything when it serves again', async () => {
  const env = { ETHERPLY_REPO_SYNC: 'true', ETHERPLY_CONTROL_TOKEN: CONTROL_TOKEN, SHUTDOWN_TIMEOUT_SECONDS: '20' };
  cluster = await Cluster.start({ pods: 0, env });
  for (const port of [await freePort(), await freePort()]) await cluster.add({ PORT: port });
  const drained = cluster.pod(0);
  const control = new ControlPlane(drained);
  for (const pod of [drained, drained, cluster.pod(1)]) clients.push(await StockClient.connect(pod));
  const [first, ...others] = clients;
  if (first === undefined) throw new Error('there are three');
  const mine = first.repo.create<Note>({ text: '' });
  await until(async () => (await cluster.pod(1).read(mine.documentId)).data.text === '');
  const handles = [mine, ...(await Promise.all(others.map(({ repo }) => repo.find<Note>(mine.url))))];
  let typed = 0;
  const failures: unknown[] = [];
  // Each types on and on, so that at every moment something is on its way.
  const typing = setInterval(() => {
    for (const [i, handle] of handles.entries()) {
      try {
        handle.change((doc) => splice(doc, ['text'], 0, 0, String(i)));
        typed += 1;
      } catch (error) {
        failures.push(error);
        clearInterval(typing); // it would fail for ever
      }
    }
  }, 15);
  const goesOn = async () => {
    const before = typed;
    await until(async () => typed > before + 30 || failures.length > 0);
    expect(failures).toEqual([]);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    await goesOn();
    if (round % 2 === 0) {
      await control.drain(1);
      await until(async () => (await control.status()).connections === 0);
      await goesOn();
      await control.resume();
    } else {
      expect(await drained.end('SIGTERM')).toBe(0);
      await goesOn();
      await drained.restart();
    }
  }
  await goesOn();
  clearInterval(typing);
  await until(async () => handles.every((handle) => handle.doc().text.length === typed));
  const [{ text }, ...copies] = handles.map((handle) => handle.doc()) as [Note, ...Note[]];
  for (const copy of copies) expect(copy.text).toBe(text);
  await until(async () => (await cluster.agreed(mine.documentId)).data.text === text);
  // And none is cut off: what one types from now on comes to all.
  for (const [i, handle] of handles.entries()) {
    handle.change((doc) => splice(doc, ['text'], 0, 0, `<${i}>`));
    await until(async () => handles.every((other) => other.doc().text.includes(`<${i}>`)));
  }
});
