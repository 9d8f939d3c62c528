import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { parse } from 'yaml';
import { z } from 'zod';
import { until } from '../src/until.ts';
import { apply } from './apply.ts';
import { images, SOURCES } from './environment.ts';
import { kubectl, kubectlJson, listOf } from './kubectl.ts';

/** Resources of pods of which several must go on one node. */
export const SMALL = { requests: { cpu: '50m', memory: '128Mi' } };

const SECRET = 'a secret for end-to-end tests only, long enough';
const CLIENT_PORT = 8080;
const READY_MS = 5 * 60_000;

const sample = z.looseObject({ metadata: z.looseObject({ name: z.string() }), spec: z.looseObject({}) });
const condition = z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() });
const statusShape = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z
    .object({ observedGeneration: z.number().optional(), conditions: z.array(condition).default([]) })
    .optional(),
});
const serviceShape = z.object({ spec: z.object({ clusterIP: z.string() }) });
const podShape = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), deletionTimestamp: z.string().optional() }),
  status: z.object({
    podIP: z.string().optional(),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    containerStatuses: z.array(z.object({ restartCount: z.number() })).default([]),
  }),
});

export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string | undefined;
  readonly isReady: boolean;
  readonly isEnding: boolean;
  readonly restarts: number;
}

/** An EtherPlyCluster of a test, in a namespace of its own that holds pods to the Pod Security Standard `restricted`. */
export class Cluster {
  readonly namespace: string;
  readonly name: string;

  readonly #applied: object;

  private constructor(namespace: string, name: string, applied: object) {
    this.namespace = namespace;
    this.name = name;
    this.#applied = applied;
  }

  /** Applies a sample of manifests/samples, with `spec` merged in, and waits until it is available. */
  static async create(namespace: string, file: string, spec: object = {}): Promise<Cluster> {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
    const metadata = { name: 'jwt', namespace };
    await apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'jwt-secret': SECRET } });
    const text = await readFile(join(SOURCES, 'manifests/samples', file), 'utf8');
    const { metadata: named, ...object } = sample.parse(parse(text));
    const merged = merge(merge(object.spec, imagesSpec()), spec);
    const cluster = new Cluster(namespace, named.name, { ...object, metadata: { ...named, namespace }, spec: merged });
    await cluster.#apply();
    return cluster;
  }

  async #apply(): Promise<void> {
    await apply(this.#applied);
    await this.settled();
  }

  /** Deletes it, and makes it again as it was at first; what it keeps is all that is left in between. */
  async recreate(): Promise<void> {
    await this.#delete();
    const isGone = async () => {
      const left = await this.kubectl('get', 'pods,services,statefulsets,deployments', '--output=name');
      if (left.trim() !== '') throw new Error(`there is still ${left}`);
      return true;
    };
    await until(isGone, { what: `the end of ${this.name}`, timeoutMs: 180_000 });
    await this.#apply();
  }

  async #delete(): Promise<void> {
    await this.kubectl('delete', 'epc', this.name, '--wait', '--timeout=3m');
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return kubectl(`--namespace=${this.namespace}`, ...args);
  }

  /** Changes the spec. */
  async patch(spec: object): Promise<void> {
    await this.kubectl('patch', 'epc', this.name, '--type=merge', `--patch=${JSON.stringify({ spec })}`);
  }

  /** Resolves when it is available and nothing is on its way. */
  async settled(timeoutMs = READY_MS): Promise<void> {
    let seen: unknown;
    const isSettled = async () => {
      const flags = [`--namespace=${this.namespace}`, 'get', 'epc', this.name];
      const { status, metadata } = await kubectlJson(statusShape, ...flags);
      seen = status?.conditions;
      const is = (type: string) => status?.conditions.find((one) => one.type === type)?.status;
      return (
        status?.observedGeneration === metadata.generation &&
        is('Available') === 'True' &&
        is('Progressing') === 'False'
      );
    };
    try {
      await until(isSettled, { what: `${this.name} being settled`, timeoutMs });
    } catch (error) {
      const why = `${JSON.stringify(seen, undefined, 1)}\n${await this.story()}`;
      throw new Error(`${this.name} did not settle:\n${why}`, { cause: error });
    }
  }

  /** What there is and what has happened, for whoever looks for why something failed. */
  async story(): Promise<string> {
    const what = [
      this.kubectl('get', 'pods,pvc', '--output=wide'),
      this.kubectl('get', 'events', '--sort-by=.lastTimestamp').then((events) => events.slice(-4_000)),
      ...(await this.pods('nats')).concat(await this.pods()).map(async ({ name, isReady }) => {
        if (isReady) return `${name} is ready`;
        const log = await this.kubectl('logs', name, '--tail=60').catch(String);
        return `${await this.kubectl('describe', 'pod', name)}\n${log}`;
      }),
    ];
    return (await Promise.all(what.map((one) => one.catch(String)))).join('\n');
  }

  /** Where clients connect: the Service. */
  async url(): Promise<string> {
    const flags = [`--namespace=${this.namespace}`, 'get', 'service', this.name];
    const { spec } = await kubectlJson(serviceShape, ...flags);
    return `http://${spec.clusterIP}:${CLIENT_PORT}`;
  }

  async pods(component: 'sync-pod' | 'router' | 'nats' = 'sync-pod'): Promise<Pod[]> {
    const selector = `--selector=etherply.io/cluster=${this.name},app.kubernetes.io/component=${component}`;
    const flags = [`--namespace=${this.namespace}`, 'get', 'pods', selector];
    const { items } = await kubectlJson(listOf(podShape), ...flags);
    return items.map(({ metadata, status }) => ({
      name: metadata.name,
      uid: metadata.uid,
      ip: status.podIP,
      isReady: status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      isEnding: metadata.deletionTimestamp !== undefined,
      restarts: status.containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    }));
  }

  /** Resolves when so many sync pods are ready, and there are no others. */
  async ready(count: number, timeoutMs = READY_MS): Promise<Pod[]> {
    return until(
      async () => {
        const pods = await this.pods();
        return pods.length === count && pods.every((pod) => pod.isReady && !pod.isEnding) && pods;
      },
      { what: `${count} ready pods`, timeoutMs },
    );
  }

  /** The data of a workspace as each of the pods has it. */
  async dataOnEachPod(workspace: string): Promise<Record<string, unknown>[]> {
    const token = await tokenFor({ scopes: ['admin'] });
    const pods = await this.pods();
    return Promise.all(pods.map(({ ip }) => dataOf(`http://${ip}:${CLIENT_PORT}`, workspace, token)));
  }

  /** A metric of each sync pod, by the name of the pod. */
  async metric(name: string): Promise<Record<string, number>> {
    const values = (await this.pods()).map(async ({ name: pod, ip }) => {
      const text = await (await fetch(`http://${ip}:${CLIENT_PORT}/metrics`)).text();
      const value = new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1];
      if (value === undefined) throw new Error(`${pod} has no metric ${name}`);
      return [pod, Number(value)] as const;
    });
    return Object.fromEntries(await Promise.all(values));
  }

  /** What a sync pod says of whether it is ready. */
  async readiness(pod: string): Promise<string> {
    const found = (await this.pods()).find(({ name }) => name === pod);
    return (await fetch(`http://${found?.ip}:${CLIENT_PORT}/readyz`)).text();
  }

  /** With all that belongs to it. */
  async remove(): Promise<void> {
    await this.#delete();
    await kubectl('delete', 'namespace', this.namespace, '--wait', '--timeout=3m');
  }
}

/** A token as an application would give it to its user. */
export function tokenFor(claims: {
  readonly scopes: readonly string[];
  readonly workspaces?: readonly string[];
}): Promise<string> {
  return new SignJWT({ sub: 'somebody', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(SECRET));
}

const stateShape = z.object({ data: z.record(z.string(), z.unknown()) });

async function dataOf(url: string, workspace: string, token: string): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/v1/workspaces/${encodeURIComponent(workspace)}`, { headers });
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
  return stateShape.parse(await response.json()).data;
}

/** Where the images come from here. */
function imagesSpec(): object {
  return {
    image: { repository: `${images.registry}/sync-pod`, tag: images.tag },
    ...(images.haproxy === undefined ? {} : { ingress: { router: { image: images.haproxy } } }),
    ...(images.nats === undefined ? {} : { nats: { managed: { image: images.nats } } }),
  };
}

const record = z.record(z.string(), z.unknown());

function merge(one: object, other: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const [mine, theirs] = [record.safeParse(merged[key]), record.safeParse(value)];
    merged[key] = mine.success && theirs.success ? merge(mine.data, theirs.data) : value;
  }
  return merged;
}
