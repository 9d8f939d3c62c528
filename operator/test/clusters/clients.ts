import { workspaceAnswer } from '@etherply/protocol';
import { TestClient, token } from '../../../sync-pod/test/pod.ts';
import { type Entry, Load } from '../../../sync-pod/test/replication/load.ts';
import type { Containers } from '../containers.ts';
import { until } from '../control-plane/until.ts';
import { SECRET } from './cluster-fixture.ts';

/** A connection that ended before its client wanted it. */
interface End {
  readonly workspace: string;
  /** Of the pod. */
  readonly uid: string;
}

/** Clients of a cluster that `Containers` runs. They find the pods by themselves: there is no router. */
export class Clients {
  readonly #containers: Containers;
  /** Connections that were ended, in their order. */
  readonly ends: End[] = [];
  /** What tokens are signed with: one of these is right. */
  secrets: readonly string[] = [SECRET];

  constructor(containers: Containers) {
    this.#containers = containers;
  }

  /** One client writes to each workspace, through one of the pods `c-0` to `c-<count - 1>` and then another one. */
  load(workspaces: readonly string[], count: number): Load {
    const entries = Array.from({ length: count }, (_, n): Entry => {
      return { connect: (workspace) => this.#connect(`c-${n}`, workspace) };
    });
    return new Load(entries, workspaces, 1);
  }

  /** Resolves with what a workspace holds when all of these pods say the same. */
  async agreed(workspace: string, pods: readonly string[]): Promise<Record<string, unknown>> {
    const same = async () => {
      const states = await Promise.all(pods.map((pod) => this.#read(pod, workspace)));
      const texts = new Set(
        states.map(({ data, heads }) => JSON.stringify([Object.entries(data).sort(), heads.sort()])),
      );
      return texts.size === 1 && states[0]?.data;
    };
    return until(same, { what: `${pods.join(', ')} having the same of ${workspace}` });
  }

  async #connect(pod: string, workspace: string): Promise<TestClient> {
    const uid = this.#containers.uid(pod);
    if (uid === undefined) throw new Error(`${pod} does not run`);
    const client = await this.#firstOf((jwt) => {
      const url = `ws://${this.#containers.ip(pod)}:8080/v1/sync/${workspace}?token=${jwt}`;
      return TestClient.open(url);
    });
    client.socket.on('close', () => this.ends.push({ workspace, uid }));
    return client;
  }

  async #read(pod: string, workspace: string) {
    return this.#firstOf(async (jwt) => {
      const url = `http://${this.#containers.ip(pod)}:8080/v1/workspaces/${workspace}`;
      const answer = await fetch(url, { headers: { authorization: `Bearer ${jwt}` } });
      if (!answer.ok) throw new Error(`${pod} answers ${answer.status}: ${await answer.text()}`);
      const { data, heads } = workspaceAnswer.parse(await answer.json());
      return { data: Object.fromEntries(Object.entries(data ?? {})), heads };
    });
  }

  async #firstOf<T>(attempt: (token: string) => Promise<T>): Promise<T> {
    const errors: unknown[] = [];
    for (const secret of this.secrets) {
      try {
        return await attempt(await token({}, secret));
      } catch (error) {
        errors.push(error);
      }
    }
    throw new AggregateError(errors, String(errors.at(-1)));
  }
}
