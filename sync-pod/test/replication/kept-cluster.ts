import { expect } from '@jest/globals';
import { type Pod, until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';
import { StreamView } from './stream-view.ts';

export const WORKSPACES = ['kept-a', 'kept-b', 'tenant:kept.c'];

/** Three pods that each keep a full copy, on a stream that keeps only what one of them lacks. */
export class KeptCluster {
  readonly cluster: Cluster;
  readonly view: StreamView;

  private constructor(cluster: Cluster, view: StreamView) {
    this.cluster = cluster;
    this.view = view;
  }

  static async start(env: Record<string, string> = {}): Promise<KeptCluster> {
    const interest = { ETHERPLY_STREAM_RETENTION: 'interest', ETHERPLY_COMPACT_FROM_BYTES: '16384' };
    const cluster = await Cluster.start({ pods: 3, env: { ...interest, ...env } });
    return new KeptCluster(cluster, await StreamView.open(cluster.nats.url));
  }

  /** Writes through some pods until so much has been acked, and everything that was sent. */
  async write(pods: readonly Pod[], name: string, ops = 200, workspaces = WORKSPACES): Promise<Load> {
    const load = new Load(pods, workspaces, 2, name);
    await load.progressed(ops);
    await load.end();
    return load;
  }

  /**
   * What is written through one pod meanwhile, the stream loses, and no other pod has it. The others are back then, and that one
   * is paused, so that it hears of it last.
   */
  async lose<T>(alone: Pod, write: () => Promise<T>): Promise<T> {
    const { nats, pods } = this.cluster;
    const others = pods.filter((pod) => pod !== alone);
    await nats.copyStore();
    await Promise.all(pods.map((pod) => pod.ready()));
    await Promise.all(others.map((pod) => pod.end('SIGKILL')));
    const written = await write();
    await alone.pause();
    await nats.end('SIGKILL');
    await nats.restoreStore();
    await nats.restart();
    await Promise.all(others.map((pod) => pod.restart()));
    await Promise.all(others.map((pod) => pod.ready()));
    return written;
  }

  /** Resolves when every pod has everything. */
  takenIn(): Promise<void> {
    return until(async () => (await this.view.lacking()) === 0);
  }

  /** As `takenIn`, and the stream has let go of it. A nats-server that was killed may keep some of it. */
  emptied(): Promise<void> {
    return until(async () => (await this.view.count()) === 0);
  }

  /** Each pod alone has all that was written. Ends them and the nats-server. */
  async expectOnEach(...loads: Load[]): Promise<void> {
    const { nats, pods } = this.cluster;
    await nats.end('SIGKILL');
    await Promise.all(pods.map((pod) => pod.end('SIGKILL')));
    for (const pod of pods) {
      await pod.restart({ ETHERPLY_ACK: 'local' });
      for (const workspace of WORKSPACES) {
        const written = Object.assign({}, ...loads.map((load) => load.of(workspace)));
        expect((await pod.read(workspace)).data).toEqual(written);
      }
      await pod.end('SIGKILL');
    }
  }

  async stop(): Promise<void> {
    await this.view.close();
    await this.cluster.stop();
  }
}
