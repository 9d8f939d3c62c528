import type { Condition } from '../../src/api/cluster.ts';
import { clusterStatus } from '../../src/api/cluster.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';
import { until } from '../control-plane/until.ts';

export const SECRET = 'a secret for tests that is long enough';

/** An EtherPlyCluster `c` in a namespace, as somebody applies it. */
export class ClusterFixture {
  readonly #client: KubeClient;
  readonly ref: { readonly namespace: string; readonly name: string };

  constructor(client: KubeClient, namespace: string, name = 'c') {
    this.#client = client;
    this.ref = { namespace, name };
  }

  /** The Secret with what tokens are signed with. */
  async createSecret(secret = SECRET): Promise<void> {
    await this.#client.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: this.ref.namespace, name: 'jwt' },
      stringData: { 'jwt-secret': secret },
    });
  }

  /** Makes it, or makes it what it is to be. */
  async apply(spec: Record<string, unknown>): Promise<void> {
    await this.#client.apply({
      apiVersion: KINDS.EtherPlyCluster.apiVersion,
      kind: KINDS.EtherPlyCluster.kind,
      metadata: { ...this.ref },
      spec: { auth: { secretRef: { name: 'jwt' } }, ...spec },
    });
  }

  async delete(): Promise<void> {
    await this.#client.delete(KINDS.EtherPlyCluster, this.ref);
  }

  get(): Promise<StoredObject | undefined> {
    return this.#client.get(KINDS.EtherPlyCluster, this.ref);
  }

  async condition(type: string): Promise<Condition | undefined> {
    const object = await this.get();
    return clusterStatus.parse(object?.status ?? {}).conditions?.find((condition) => condition.type === type);
  }

  /** The notes of Events about the cluster that have this reason, in the order of time. */
  async notes(reason: string): Promise<string[]> {
    const { items } = await this.#client.list(KINDS.Event, { namespace: this.ref.namespace });
    const told = items.filter((event) => event.reason === reason);
    const timeOf = (event: StoredObject) => String(event.eventTime);
    return told.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1)).map(({ note }) => String(note));
  }

  /** Resolves when a condition is so, for the newest spec. */
  async has(type: string, status: Condition['status'], reason?: string, timeoutMs = 60_000): Promise<Condition> {
    let last: Condition | undefined;
    const isSo = async () => {
      last = await this.condition(type);
      const generation = (await this.get())?.metadata.generation;
      return last?.status === status &&
        last.observedGeneration === generation &&
        (reason ?? last.reason) === last.reason
        ? last
        : undefined;
    };
    try {
      return await until(isSo, { timeoutMs });
    } catch (error) {
      throw new Error(`${type} did not become ${status} ${reason ?? ''}; it is ${JSON.stringify(last)}`, {
        cause: error,
      });
    }
  }

  /** Resolves when all is as the spec says, and nothing is wrong. */
  async isWell(timeoutMs = 90_000): Promise<void> {
    await this.has('Progressing', 'False', 'Stable', timeoutMs);
    await this.has('Degraded', 'False', 'AsExpected', timeoutMs);
    await this.has('StreamReady', 'True', undefined, timeoutMs);
    await this.has('Available', 'True', undefined, timeoutMs);
  }
}
