import type { Cluster } from '../api/cluster.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Apis, SecretFacts } from '../observed/facts.ts';

/** What, besides the cluster itself, decides which objects there are to be. */
export interface Circumstances {
  /** Version of the operator: the tag of the image where the spec names none. */
  readonly version: string;
  /** Namespace that the operator runs in: from there it may reach pods. */
  readonly operatorNamespace: string;
  /** DNS domain of the Kubernetes cluster: `cluster.local`. */
  readonly clusterDomain: string;
  /** Sync pods that there are to be now: while one hands over what it has, more than the spec says. */
  readonly replicas: number;
  /** Those that pods take something of, by name: pods are made anew when one changes. */
  readonly secrets: ReadonlyMap<string, SecretFacts>;
  readonly apis: Apis;
}

/** Makes one object, or says that there is to be none. Pure: the same input gives the same object. */
export type Builder = (cluster: Cluster, circumstances: Circumstances) => KubeObject | undefined;
