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

  constructor(pod: Pod, workspace: string, keys: number) {
    this.#running = this.#run(pod, workspace, keys);
  }

  async #run(pod: Pod, workspace: string, keys: number): Promise<void> {
    const client = await pod.connect(workspace);
    while (!this.#isEnding) {
      await client.set(`key-${this.written % keys}`, this.written);
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
  const writer = new Overwriter(cluster.pod(0), 'w', KEYS);
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
}, 120_000);

/** The same keys for everybody. */
async function setAll(pod: Pod, value: string): Promise<void> {
  const client = await pod.connect('w');
  for (let n = 0; n < 10; n += 1) await client.set(`key-${n}`, value);
  client.close();
}

test('pods that have written the same keys while the stream lost its end agree on them', async () => {
  kept = await KeptCluster.start(SERVER_AUTH);
  const { cluster } = kept;
  const { nats } = cluster;
  const [alone = cluster.pod(0), ...others] = cluster.pods;
  await setAll(alone, 'before');
  await kept.emptied();
  await nats.end('SIGTERM');
  await nats.copyStore();
  await nats.restart();
  await Promise.all(cluster.pods.map((pod) => cluster.ready(pod)));
  await Promise.all(others.map((pod) => pod.end('SIGKILL')));
  await setAll(alone, 'lost');
  await alone.pause();
  await nats.end('SIGKILL');
  await nats.restoreStore();
  await nats.restart();
  await Promise.all(others.map((pod) => pod.restart()));
  await Promise.all(others.map((pod) => cluster.ready(pod)));
  for (let n = 0; n < 2; n += 1) await setAll(cluster.pod(1), 'after');
  alone.resume();
  await until(async () => (await alone.metric('etherply_stream_recoveries_total')) > 0);
  await kept.takenIn();
  expect(Object.keys((await cluster.agreed('w')).data)).toHaveLength(10);
}, 120_000);
