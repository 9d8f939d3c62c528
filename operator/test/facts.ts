import { type Cluster, clusterSpec } from '../src/api/cluster.ts';
import type { ClaimFacts, ControlFacts, Facts, PodFacts } from '../src/observed/facts.ts';

/** A cluster as somebody might write it, with what the schema fills in. */
export function clusterOf(spec: Record<string, unknown> = {}): Cluster {
  return {
    name: 'c',
    namespace: 'ns',
    uid: 'cluster-uid',
    generation: 3,
    isBeingDeleted: false,
    finalizers: ['etherply.io/stream'],
    spec: clusterSpec.parse({ auth: { secretRef: { name: 'jwt' } }, ...spec }),
    status: {},
  };
}

export function controlOf(control: Partial<ControlFacts> = {}): ControlFacts {
  return {
    draining: false,
    connections: 0,
    unpublishedWorkspaces: 0,
    streamConnected: true,
    problems: [],
    opsPerSecond: 0,
    ...control,
  };
}

/** A pod that serves, as it is to be. */
export function podOf(ordinal: number, pod: Partial<PodFacts> = {}): PodFacts {
  return {
    name: `c-${ordinal}`,
    uid: `uid-${ordinal}`,
    ordinal,
    ip: `127.0.0.${ordinal + 2}`,
    isReady: true,
    isTerminating: false,
    revision: 'new',
    template: { image: 'pod:2', annotations: {} },
    problem: undefined,
    control: controlOf(),
    isEstranged: false,
    ...pod,
  };
}

/** The volume of shard 0 of a pod. */
export function claimOf(ordinal: number, claim: Partial<ClaimFacts> = {}): ClaimFacts {
  return {
    name: `shard-0-c-${ordinal}`,
    uid: `claim-${ordinal}`,
    ordinal,
    isBound: true,
    isTerminating: false,
    storageClassName: 'standard',
    size: '10Gi',
    problem: undefined,
    ...claim,
  };
}

/** A cluster of three pods in which all is well. */
export function factsOf(facts: Partial<Facts> = {}, spec: Record<string, unknown> = {}): Facts {
  return {
    cluster: clusterOf(spec),
    version: '1.0.0',
    secrets: new Map([['jwt', { keys: new Set(['jwt-secret']), hash: 'h' }]]),
    apis: { podMonitor: false, httpRoute: false, backendTrafficPolicy: false, scaledObject: false },
    statefulSet: {
      replicas: 3,
      isCurrent: true,
      updateRevision: 'new',
      claimSize: '10Gi',
      template: { image: 'pod:2', annotations: {} },
    },
    refusal: undefined,
    pods: [podOf(0), podOf(1), podOf(2)],
    claims: [claimOf(0), claimOf(1), claimOf(2)],
    storageClasses: [{ name: 'standard', isDefault: true, canGrow: true }],
    router: { replicas: 2, readyReplicas: 2, isCurrent: true, claimSize: undefined, problem: undefined },
    nats: { replicas: 1, readyReplicas: 1, isCurrent: true, claimSize: '10Gi', problem: undefined },
    natsClaims: [claimOf(0, { name: 'store-c-nats-0' })],
    stream: { state: 'ready' },
    autoscaler: undefined,
    ...facts,
  };
}
