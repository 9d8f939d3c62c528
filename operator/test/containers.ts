import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { natsServer } from '../../scripts/tools.mjs';
import { KINDS } from '../src/kube/kinds.ts';
import type { StoredObject } from '../src/kube/stored-object.ts';
import { secretData } from '../src/observed/secret.ts';
import type { KubeClient } from '../src/runtime/kube-client.ts';
import { ServerProcess } from './control-plane/server-process.ts';
import { Kubelet, type PodState } from './kubelet.ts';

const POLL_MS = 100;
/** As the operator has pods probed: so long, and not ready after so many that fail. */
const [PROBE_MS, FAILURES] = [5000, 2];

const podShape = z.looseObject({
  spec: z.looseObject({
    containers: z.array(
      z.looseObject({
        name: z.string(),
        image: z.string(),
        env: z
          .array(
            z.looseObject({
              name: z.string(),
              value: z.string().optional(),
              valueFrom: z
                .looseObject({
                  secretKeyRef: z.object({ name: z.string(), key: z.string() }).optional(),
                  fieldRef: z.looseObject({ fieldPath: z.string() }).optional(),
                })
                .optional(),
            }),
          )
          .default([]),
      }),
    ),
  }),
  status: z.looseObject({ podIP: z.string().optional() }),
});

interface Running {
  readonly uid: string;
  readonly ip: string;
  readonly process: ServerProcess;
  /** How often in a row it has not said that it is ready. */
  failures: number;
}

/**
 * What a kubelet does for the sync pods and NATS servers of a namespace: runs what the pods say, as processes on their addresses
 * of loopback, with their environment and on their volumes. Other pods are only said to be ready.
 */
export class Containers {
  readonly kubelet: Kubelet;
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #dir: string;
  readonly #running = new Map<string, Running>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #crashed = new Set<string>();
  readonly #brokenImages = new Set<string>();
  #isStopped = false;
  #following: Promise<void> = Promise.resolve();

  private constructor(client: KubeClient, namespace: string, dir: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#dir = dir;
    this.kubelet = Kubelet.follow(client, namespace, { stateOf: (pod) => this.#stateOf(pod) });
  }

  /** Does so from now on until it is stopped. */
  static async follow(client: KubeClient, namespace: string): Promise<Containers> {
    const containers = new Containers(client, namespace, await mkdtemp(join(tmpdir(), 'etherply-containers-')));
    containers.#following = containers.#follow();
    containers.#following.catch(() => {}); // `stop` tells
    return containers;
  }

  /** From now on no node gets this image: what has it does not start. */
  breakImage(image: string): void {
    this.#brokenImages.add(image);
  }

  /** The uid of a pod, as long as it runs. */
  uid(pod: string): string | undefined {
    return this.#running.get(pod)?.uid;
  }

  /** The address of a pod that runs. */
  ip(pod: string): string {
    const running = this.#running.get(pod);
    if (running === undefined) throw new Error(`${pod} does not run`);
    return running.ip;
  }

  /** Those that run. */
  get pods(): string[] {
    return [...this.#running.keys()];
  }

  /** What a pod has printed. */
  output(pod: string): string {
    return this.#running.get(pod)?.process.output ?? '';
  }

  /** Ends it as a power cut would; it stays so until `restart`. */
  crash(pod: string): void {
    const running = this.#running.get(pod);
    if (running === undefined) throw new Error(`${pod} does not run`);
    this.#crashed.add(pod);
    this.#end(pod, running, 'SIGKILL');
  }

  /** It runs again, on the volumes that it had. */
  restart(pod: string): void {
    this.#crashed.delete(pod);
  }

  /** Stops it where it is, until `resume`. */
  async pause(pod: string): Promise<void> {
    await this.#running.get(pod)?.process.pause();
  }

  resume(pod: string): void {
    this.#running.get(pod)?.process.resume();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#following;
    await this.kubelet.stop();
    await Promise.all([...this.#running.values()].map(({ process }) => process.end()));
    await Promise.all(this.#ending.values());
    await rm(this.#dir, { recursive: true, force: true });
  }

  #stateOf(pod: StoredObject): PodState {
    const { name, uid, labels } = pod.metadata;
    const broken = podShape.parse(pod).spec.containers.find(({ image }) => this.#brokenImages.has(image));
    if (broken !== undefined) return { waiting: 'ImagePullBackOff', message: `there is no ${broken.image}` };
    if (!isRun(labels)) return 'ready';
    const running = this.#running.get(name);
    // The one before it may still run.
    return running?.uid === uid && running.failures < FAILURES ? 'ready' : 'not ready';
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped) {
      await this.#step().catch(() => {}); // the API server may be away, or a pod gone since: the next round sees it anew
      await sleep(POLL_MS);
    }
  }

  async #step(): Promise<void> {
    const { items } = await this.#client.list(KINDS.Pod, { namespace: this.#namespace });
    const pods = new Map(items.filter(({ metadata }) => isRun(metadata.labels)).map((pod) => [pod.metadata.name, pod]));
    for (const [name, running] of this.#running) {
      if (pods.get(name)?.metadata.uid !== running.uid) this.#end(name, running);
    }
    await Promise.all(
      [...pods].map(async ([name, pod]) => {
        const running = this.#running.get(name);
        if (running !== undefined)
          running.failures = (await isReady(running.ip, isNats(pod))) ? 0 : running.failures + 1;
        else if (!this.#ending.has(name) && !this.#crashed.has(name)) await this.#start(pod);
      }),
    );
  }

  #end(name: string, { process }: Running, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): void {
    this.#running.delete(name);
    // The next one of this name has the same volumes.
    const ended = process.end(signal).then(() => void this.#ending.delete(name));
    this.#ending.set(name, ended);
  }

  async #start(pod: StoredObject): Promise<void> {
    const { name, uid } = pod.metadata;
    const { spec, status } = podShape.parse(pod);
    const ip = status.podIP;
    const container = spec.containers.find((one) => one.name === (isNats(pod) ? 'nats' : 'sync-pod'));
    if (ip === undefined || container === undefined) return;
    const env = await this.#environment(pod, container.env);
    const process = isNats(pod) ? await this.#startNats(pod, ip, env) : await this.#startSyncPod(pod, ip, env);
    this.#running.set(name, { uid, ip, process, failures: FAILURES });
  }

  async #environment(
    pod: StoredObject,
    given: readonly z.infer<typeof podShape>['spec']['containers'][number]['env'][number][],
  ): Promise<Record<string, string>> {
    const env: Record<string, string> = {};
    for (const { name, value, valueFrom } of given) {
      const ref = valueFrom?.secretKeyRef;
      if (ref !== undefined) {
        const secret = await this.#client.get(KINDS.Secret, { namespace: this.#namespace, name: ref.name });
        const bytes = secret && secretData(secret)[ref.key];
        if (bytes === undefined)
          throw new Error(`${pod.metadata.name} cannot start: it lacks ${ref.key} of ${ref.name}`);
        env[name] = bytes.toString();
      } else if (valueFrom?.fieldRef !== undefined) env[name] = pod.metadata.name;
      else env[name] = (value ?? '').replace(/\$\(([A-Z_]+)\)/g, (_, other: string) => env[other] ?? '');
    }
    return env;
  }

  async #startSyncPod(pod: StoredObject, ip: string, env: Record<string, string>): Promise<ServerProcess> {
    const shards = (env.ETHERPLY_DATA_DIRS ?? '').split(',').map((dir) => basename(dir));
    const dirs = await Promise.all(shards.map((shard) => this.#volume(`${shard}-${pod.metadata.name}`)));
    const urls = (env.ETHERPLY_NATS_URL ?? '').replace(/\/\/([a-z0-9-]+)\.[a-z0-9.-]+\.svc:/g, (_, host: string) => {
      const running = this.#running.get(host);
      if (running === undefined) throw new Error(`nobody has the name ${host} yet`);
      return `//${running.ip}:`;
    });
    const own = { ETHERPLY_DATA_DIRS: dirs.join(','), ETHERPLY_NATS_URL: urls, ETHERPLY_HOST: ip, PORT: '8080' };
    return run('sync-pod', [process.execPath, 'sync-pod/dist/main.js'], { ...env, ...own });
  }

  /** The folder of a volume claim: another claim of the same name has another one. */
  async #volume(claim: string): Promise<string> {
    const found = await this.#client.get(KINDS.PersistentVolumeClaim, { namespace: this.#namespace, name: claim });
    if (found === undefined) throw new Error(`there is no claim ${claim} yet`);
    const dir = join(this.#dir, found.metadata.uid);
    await mkdir(dir, { recursive: true });
    return dir;
  }

  async #startNats(pod: StoredObject, ip: string, env: Record<string, string>): Promise<ServerProcess> {
    const name = pod.metadata.name.replace(/-\d+$/, '');
    const config = await this.#client.get(KINDS.ConfigMap, { namespace: this.#namespace, name });
    const { data } = z.looseObject({ data: z.record(z.string(), z.string()) }).parse(config);
    const dir = await this.#volume(`store-${pod.metadata.name}`);
    const text = (data['nats.conf'] ?? '')
      .replaceAll('0.0.0.0', ip)
      .replaceAll('"/run/nats/', `"${dir}/`)
      .replaceAll('"/data"', `"${join(dir, 'data')}"`);
    const file = join(dir, 'nats.conf');
    await writeFile(file, text);
    return run('nats-server', [await natsServer(), '--config', file, '--name', pod.metadata.name], env);
  }
}

function run(name: string, [command = '', ...args]: readonly string[], env: Record<string, string>): ServerProcess {
  const variables = Object.entries({ PATH: process.env.PATH ?? '', ...env }).map(([key, value]) => `${key}=${value}`);
  return ServerProcess.start(name, 'env', ['-i', ...variables, command, ...args]);
}

function isRun(labels: Readonly<Record<string, string>> | undefined): boolean {
  return ['sync-pod', 'nats'].includes(labels?.['app.kubernetes.io/component'] ?? '');
}

function isNats({ metadata }: StoredObject): boolean {
  return metadata.labels?.['app.kubernetes.io/component'] === 'nats';
}

async function isReady(ip: string, isOfNats: boolean): Promise<boolean> {
  const url = isOfNats ? `http://${ip}:8222/healthz?js-server-only=true` : `http://${ip}:8080/readyz`;
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })).ok;
  } catch {
    return false; // it does not listen yet
  }
}
