import { NatsServer } from '../nats-server.ts';
import { Pod, until } from '../pod.ts';

interface ClusterOptions {
  readonly pods: number;
  readonly env?: Record<string, string>;
  /** More of the configuration of the nats-server. */
  readonly nats?: string;
  /** Of its JetStream. */
  readonly domain?: string;
}

/** Several sync pods on one nats-server. */
export class Cluster {
  readonly nats: NatsServer;
  readonly pods: Pod[] = [];
  readonly #env: Record<string, string>;

  private constructor(nats: NatsServer, env: Record<string, string>) {
    this.nats = nats;
    this.#env = { ETHERPLY_NATS_URL: nats.url, ...env };
  }

  static async start({ pods, env = {}, nats, domain }: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(await NatsServer.start(nats, domain), env);
    await Promise.all(Array.from({ length: pods }, () => cluster.add()));
    return cluster;
  }

  /** One more pod, with an empty volume. */
  async add(env: Record<string, string> = {}): Promise<Pod> {
    const pod = await this.addUnready(env);
    await this.ready(pod);
    return pod;
  }

  /** As `add`, where it does not serve yet. */
  async addUnready(env: Record<string, string> = {}): Promise<Pod> {
    const pod = await Pod.start({ env: { ...this.#env, ...env } });
    this.pods.push(pod);
    return pod;
  }

  pod(index: number): Pod {
    const pod = this.pods[index];
    if (pod === undefined) throw new Error(`there is no pod ${index}`);
    return pod;
  }

  /** Resolves when the pod says that it serves. */
  ready(pod: Pod): Promise<void> {
    return until(async () => (await fetch(pod.url('/readyz'))).status === 200);
  }

  /** Resolves with the state of a workspace when all pods have the same. */
  async agreed(workspace: string): Promise<{ data: Record<string, unknown>; heads: string[] }> {
    for (;;) {
      const states = await Promise.all(this.pods.map((pod) => pod.read(workspace)));
      const [first] = states;
      if (first !== undefined && states.every((one) => isSame(one, first))) return first;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.stop()));
    await this.nats.stop();
  }
}

function isSame(a: { data: unknown; heads: string[] }, b: { data: unknown; heads: string[] }): boolean {
  return text(a) === text(b);
}

function text({ data, heads }: { data: unknown; heads: string[] }): string {
  const members = Object.entries(data ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([members, heads.toSorted()]);
}
