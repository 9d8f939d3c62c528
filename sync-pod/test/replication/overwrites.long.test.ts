import { afterEach, expect, test } from '@jest/globals';
import { type Pod, until } from '../pod.ts';
import { KeptCluster } from './kept-cluster.ts';

/** So many that most are written once at most while a pod joins. */
const KEYS = 400;

/** The strategy with which the order of records counts. */
const SERVER_AUTH = { ETHERPLY_SYNC_STRATEGY: 'server-auth' };

let kept: KeptCluster;
afterEach(() => kept.stop());

/** Writes to a few keys again and again, through one pod, until it is ended; each value is a number that is used once. */
class Overwriter {
  readonly #running: Promise<void>;
  #isEnding = false;
  written = 0;

  constructor(pod: Pod) {
    this.#running = this.#run(pod);
  }

  async #run(pod: Pod): Promise<void> {
    const client = await pod.connect('w');
    while (!this.#isEnding) {
      await client.set(`key-${this.written % KEYS}`, this.written);
      this.written += 1;
    }
    client.close();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }
}

test('a new pod has the last values of what others overwrite', async () => {
  kept = await KeptCluster.start(SERVER_AUTH);
  const { cluster } = kept;
  const writer = new Overwriter(cluster.pod(0));
  await until(async () => writer.written > 2 * KEYS);
  await kept.emptied();
  const fresh = await cluster.add();
  const { written } = writer;
  await until(async () => writer.written > written + 5);
  await writer.end();
  await kept.emptied();
  const { data } = await cluster.agreed('w');
  expect(Object.keys(data)).toHaveLength(KEYS);
  expect(await fresh.metric('etherply_replicated_messages_total')).toBeGreaterThan(0);
});

/** The same keys for everybody. */
async function setAll(pod: Pod, value: string): Promise<void> {
  const client = await pod.connect('w');
  for (let n = 0; n < 10; n += 1) await client.set(`key-${n}`, value);
  client.close();
}

test('pods that have written the same keys while the stream lost its end agree on them', async () => {
  kept = await KeptCluster.start(SERVER_AUTH);
  const { cluster } = kept;
  const alone = cluster.pod(0);
  await setAll(alone, 'before');
  await kept.emptied();
  await kept.lose(alone, () => setAll(alone, 'lost'));
  for (let n = 0; n < 2; n += 1) await setAll(cluster.pod(1), 'after');
  alone.resume();
  await until(async () => (await alone.metric('etherply_stream_recoveries_total')) > 0);
  await kept.takenIn();
  expect(Object.keys((await cluster.agreed('w')).data)).toHaveLength(10);
});
