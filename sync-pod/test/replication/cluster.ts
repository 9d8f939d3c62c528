import { NatsServer } from '../nats-server.ts';
import { Pod } from '../pod.ts';

interface ClusterOptions {
  readonly pods: number;
  readonly env?: Record<string, string>;
  /** More of the configuration of the nats-server. */
  readonly nats?: string;
  /** Of its JetStream. */
  readonly domain?: string;
}

/** What a pod answers to who reads a workspace. */
interface State {
  readonly data: Record<string, unknown>;
  readonly heads: string[];
}

/** Pods that do not agree after this time never will. */
const AGREE_MS = 90_000;
/** Of what a pod has logged, so much is shown where they do not. */
const LOG_LINES = 20;

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
    await pod.ready();
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

  /** Resolves with the state of a workspace when all pods have the same; rejects with what differs where they never do. */
  async agreed(workspace: string): Promise<State> {
    const deadline = Date.now() + AGREE_MS;
    for (;;) {
      const states = await this.#states(workspace);
      const [first] = states;
      if (first !== undefined && states.every((one) => isSame(one, first))) return first;
      if (Date.now() > deadline) throw new Error(await this.#disagreement(workspace, states));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #states(workspace: string): Promise<State[]> {
    return Promise.all(this.pods.map((pod) => pod.read(workspace)));
  }

  /** What differs, also once all pods have started again: whether one was stuck, or something is lost. */
  async #disagreement(workspace: string, states: readonly State[]): Promise<string> {
    const about = await Promise.all(this.pods.map(circumstances));
    await Promise.all(this.pods.map((pod) => pod.end('SIGTERM')));
    await Promise.all(this.pods.map((pod) => pod.restart().then(() => pod.ready())));
    const after = difference(await this.#states(workspace));
    return [`the pods do not agree on ${workspace}: ${difference(states)}; started again: ${after}`, ...about].join(
      '\n',
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.stop()));
    await this.nats.stop();
  }
}

/** What a pod says of itself, and has logged last. */
async function circumstances(pod: Pod, index: number): Promise<string> {
  const ready = await (await fetch(pod.url('/readyz'))).text();
  const log = pod.output.trimEnd().split('\n').slice(-LOG_LINES);
  return [`pod ${index}: ${ready}`, ...log].join('\n');
}

function isSame(a: State, b: State): boolean {
  return text(a) === text(b);
}

/** Of each pod: how many keys it has, a few of those that others have and it lacks, and its heads. */
function difference(states: readonly State[]): string {
  const all = new Set(states.flatMap(({ data }) => Object.keys(data ?? {})));
  const each = states.map(({ data, heads }) => {
    const missing = [...all].filter((key) => !Object.hasOwn(data ?? {}, key));
    return { keys: all.size - missing.length, missing: missing.length, such: missing.slice(0, 5), heads };
  });
  return JSON.stringify(each);
}

function text({ data, heads }: State): string {
  const members = Object.entries(data ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([members, heads.toSorted()]);
}
