import { z } from 'zod';
import { KINDS } from '../../src/kube/kinds.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { Kubelet, type KubeletOptions } from '../kubelet.ts';
import { ClusterFixture } from './cluster-fixture.ts';

const event = z.looseObject({
  reason: z.string(),
  note: z.string(),
  regarding: z.looseObject({ kind: z.string() }),
});

/** A namespace of its own for one cluster, whose pods nothing runs: they are only said to be ready. */
export class ClusterStage {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly cluster: ClusterFixture;
  readonly kubelet: Kubelet;

  private constructor(client: KubeClient, namespace: string, options: KubeletOptions) {
    this.client = client;
    this.namespace = namespace;
    this.cluster = new ClusterFixture(client, namespace);
    this.kubelet = Kubelet.follow(client, namespace, options);
  }

  /** Without the cluster, and the Secret that it takes. */
  static async open(controlPlane: ControlPlane, options: KubeletOptions = {}): Promise<ClusterStage> {
    return new ClusterStage(controlPlane.client, await controlPlane.createNamespace(), options);
  }

  /** With the cluster, and all is as its spec says. */
  static async of(controlPlane: ControlPlane, spec: Record<string, unknown>): Promise<ClusterStage> {
    const stage = await ClusterStage.open(controlPlane);
    await stage.cluster.createSecret();
    await stage.cluster.apply(spec);
    await stage.cluster.isWell();
    return stage;
  }

  /** With a cluster whose NATS nobody runs: all is made, and the stream is away. */
  static async withManagedNats(controlPlane: ControlPlane): Promise<ClusterStage> {
    const stage = await ClusterStage.open(controlPlane);
    await stage.cluster.createSecret();
    await stage.cluster.apply({});
    await stage.cluster.has('Progressing', 'False', 'Stable');
    return stage;
  }

  /** What Events say of the cluster: `Restored: Service c was put back: …`. */
  async events(): Promise<string[]> {
    const { items } = await this.client.list(KINDS.Event, { namespace: this.namespace });
    const ours = items.map((item) => event.parse(item)).filter(({ regarding }) => regarding.kind === 'EtherPlyCluster');
    return ours.map(({ reason, note }) => `${reason}: ${note}`);
  }

  /** The operator has nothing to do with it any more. */
  async close(): Promise<void> {
    await this.cluster.delete();
    await this.kubelet.stop();
  }
}
