import type { Cluster } from '../api/cluster.ts';
import type { StreamFacts } from '../nats/stream-facts.ts';
import type { ControlFacts } from '../pods/control-facts.ts';

export type { ControlFacts, StreamFacts };

/** What is known of one cluster at one moment: all that decisions about it are made of. */
export interface Facts {
  readonly cluster: Cluster;
  /** Version of the operator, which is also that of the image where the spec names none. */
  readonly version: string;
  /** Those that the spec refers to, by name; a missing one is not in it. */
  readonly secrets: ReadonlyMap<string, SecretFacts>;
  readonly apis: Apis;
  /** Undefined: there is none yet. */
  readonly statefulSet: StatefulSetFacts | undefined;
  /** Why Kubernetes makes no more sync pods, for a person; undefined: nothing keeps it from that. */
  readonly refusal: string | undefined;
  /** The sync pods, by ordinal. */
  readonly pods: readonly PodFacts[];
  /** The volumes of the sync pods. */
  readonly claims: readonly ClaimFacts[];
  /** Undefined: the operator may not look at them. */
  readonly storageClasses: readonly StorageClassFacts[] | undefined;
  /** Undefined: there is none yet, or none is wanted. */
  readonly router: WorkloadFacts | undefined;
  /** The managed NATS servers. Undefined: there is none yet, or somebody else runs them. */
  readonly nats: WorkloadFacts | undefined;
  /** The volumes of the managed NATS servers. */
  readonly natsClaims: readonly ClaimFacts[];
  readonly stream: StreamFacts;
  /** Undefined: there is none yet, or none is wanted. */
  readonly autoscaler: AutoscalerFacts | undefined;
}

/** A Secret, without what is in it. */
export interface SecretFacts {
  readonly keys: ReadonlySet<string>;
  /** Changes when what is in it changes. */
  readonly hash: string;
}

/** Which kinds that are not part of Kubernetes itself are there. */
export interface Apis {
  readonly podMonitor: boolean;
  readonly httpRoute: boolean;
  readonly backendTrafficPolicy: boolean;
  readonly scaledObject: boolean;
}

export interface StatefulSetFacts {
  /** As the spec says. */
  readonly replicas: number;
  /** The controller has seen the newest spec: `updateRevision` is that of it. */
  readonly isCurrent: boolean;
  readonly updateRevision: string | undefined;
  /** What the claims of new pods ask for: `10Gi`. */
  readonly claimSize: string | undefined;
  /** Of the pods that it makes from now on, as the API server has it. */
  readonly template: TemplateFacts;
}

/** What a pod is made of, as far as a change of it is told of. */
export interface TemplateFacts {
  readonly image: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  readonly ordinal: number;
  readonly ip: string | undefined;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  /** The `controller-revision-hash` that it was made with. */
  readonly revision: string | undefined;
  readonly template: TemplateFacts;
  /** Why it does not run, for a person: `ImagePullBackOff: …`. Undefined: nothing is known to be wrong. */
  readonly problem: string | undefined;
  /** What it says of itself; undefined where it does not answer. */
  readonly control: ControlFacts | undefined;
  /** It answers, and was started with another token than the operator has now. */
  readonly isEstranged: boolean;
}

export interface ClaimFacts {
  readonly name: string;
  readonly uid: string;
  /** Of the pod that it belongs to. */
  readonly ordinal: number;
  readonly isBound: boolean;
  readonly isTerminating: boolean;
  readonly storageClassName: string | undefined;
  /** What it asks for: `10Gi`. */
  readonly size: string;
  /** Why it is not bound, or does not grow, as an event or condition of it says. */
  readonly problem: string | undefined;
}

export interface StorageClassFacts {
  readonly name: string;
  readonly isDefault: boolean;
  readonly canGrow: boolean;
}

/** Pods that stand and fall together, as the router's. */
export interface WorkloadFacts {
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly isCurrent: boolean;
  /** What the claims of new pods ask for: `10Gi`; undefined where they have no volumes. */
  readonly claimSize: string | undefined;
  /** Why one of its pods does not run, for a person. */
  readonly problem: string | undefined;
}

export interface AutoscalerFacts {
  /** Why it does not scale, as its own condition says; undefined: it does. */
  readonly problem: string | undefined;
}
