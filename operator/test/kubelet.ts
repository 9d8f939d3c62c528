import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { KINDS } from '../src/kube/kinds.ts';
import type { StoredObject } from '../src/kube/stored-object.ts';
import { ApiError, ApiUnavailableError } from '../src/runtime/api-error.ts';
import type { KubeClient } from '../src/runtime/kube-client.ts';

const POLL_MS = 100;

/** What a pod is like. */
export type PodState =
  | 'ready'
  /** It runs, and its readiness probe fails. */
  | 'not ready'
  /** Its containers have not started: `ImagePullBackOff`, `CrashLoopBackOff`, `CreateContainerConfigError`… */
  | { readonly waiting: string; readonly message?: string }
  /** No node has room for it. */
  | { readonly unschedulable: string };

export interface KubeletOptions {
  /** What pods are like that a test has not set; `ready` without it. */
  readonly stateOf?: (pod: StoredObject) => PodState;
  /** Whether a claim gets a volume, now or later; every one does without it. */
  readonly provisions?: (claim: StoredObject) => boolean;
  /** Where a new pod is reached; by default an address of loopback that no other pod of this machine has. */
  readonly ipOf?: (pod: StoredObject) => string;
}

const pod = z.looseObject({
  spec: z.looseObject({
    containers: z.array(z.looseObject({ name: z.string(), image: z.string() })),
  }),
  status: z.looseObject({
    podIP: z.string().optional(),
    startTime: z.string().optional(),
  }),
});

const claim = z.looseObject({
  spec: z.looseObject({
    storageClassName: z.string().optional(),
    accessModes: z.array(z.string()),
    resources: z.looseObject({
      requests: z.looseObject({ storage: z.string() }),
    }),
  }),
  status: z.looseObject({
    phase: z.string().optional(),
    capacity: z.looseObject({ storage: z.string() }).optional(),
  }),
});

/**
 * What nodes do for the pods of a namespace, as far as others see it: pods get an address and become ready, claims get
 * volumes and grow. Nothing is run. A pod that is deleted is gone at once, since it is bound to no node.
 */
export class Kubelet {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #options: KubeletOptions;
  /** By the name of a pod. */
  readonly #states = new Map<string, PodState>();
  /** What was last written of a pod, by its uid. */
  readonly #written = new Map<string, PodState>();
  #isStopped = false;
  #following: Promise<void> = Promise.resolve();

  private constructor(client: KubeClient, namespace: string, options: KubeletOptions) {
    this.#client = client;
    this.#namespace = namespace;
    this.#options = options;
  }

  /** Does so from now on until it is stopped. */
  static follow(client: KubeClient, namespace: string, options: KubeletOptions = {}): Kubelet {
    const kubelet = new Kubelet(client, namespace, options);
    kubelet.#following = kubelet.#follow();
    kubelet.#following.catch(() => {}); // `stop` tells
    return kubelet;
  }

  /** From now on the pod of this name is so, also one that replaces it. */
  set(podName: string, state: PodState): void {
    this.#states.set(podName, state);
  }

  /** Rejects where something went wrong, other than that the API server was away. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#following;
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped) {
      await unlessUnavailable(() => this.#step());
      await sleep(POLL_MS);
    }
  }

  async #step(): Promise<void> {
    const where = { namespace: this.#namespace };
    const { items: pods } = await this.#client.list(KINDS.Pod, where);
    for (const one of pods) await unlessChanged(() => this.#updatePod(one));
    const { items: claims } = await this.#client.list(KINDS.PersistentVolumeClaim, where);
    for (const one of claims) await unlessChanged(() => this.#updateClaim(one));
  }

  async #updatePod(object: StoredObject): Promise<void> {
    const { name, uid, resourceVersion } = object.metadata;
    const state = this.#states.get(name) ?? this.#options.stateOf?.(object) ?? 'ready';
    if (isSame(state, this.#written.get(uid))) return;
    const { spec, status } = pod.parse(object);
    const podIP = status.podIP ?? this.#options.ipOf?.(object) ?? nextLoopbackIp();
    const startTime = status.startTime ?? now();
    await this.#client.mergePatch(
      KINDS.Pod,
      { namespace: this.#namespace, name },
      {
        metadata: { resourceVersion },
        status: podStatus(state, spec.containers, { podIP, startTime }),
      },
      { subresource: 'status' },
    );
    this.#written.set(uid, state);
  }

  async #updateClaim(object: StoredObject): Promise<void> {
    const { name, uid, resourceVersion } = object.metadata;
    const { spec, status } = claim.parse(object);
    const { storage } = spec.resources.requests;
    if (status.phase === 'Bound') {
      if (status.capacity?.storage === storage) return;
      const patch = { metadata: { resourceVersion }, status: { capacity: { storage } } };
      const ref = { namespace: this.#namespace, name };
      await this.#client.mergePatch(KINDS.PersistentVolumeClaim, ref, patch, {
        subresource: 'status',
      });
      return;
    }
    if (this.#options.provisions?.(object) === false) return;
    // The controller of volumes binds what is made for this claim.
    await this.#client.create({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `pv-${uid}` },
      spec: {
        capacity: { storage },
        accessModes: spec.accessModes,
        storageClassName: spec.storageClassName ?? '',
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: this.#namespace,
          name,
          uid,
        },
        hostPath: { path: `/nowhere/${uid}` },
      },
    });
  }
}

function podStatus(
  state: PodState,
  containers: readonly { readonly name: string; readonly image: string }[],
  address: { readonly podIP: string; readonly startTime: string },
): Record<string, unknown> {
  if (typeof state === 'object' && 'unschedulable' in state) {
    const condition = { reason: 'Unschedulable', message: state.unschedulable };
    return {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', ...is(false), ...condition }],
    };
  }
  const isReady = state === 'ready';
  const isRunning = typeof state === 'string';
  return {
    phase: isRunning ? 'Running' : 'Pending',
    startTime: address.startTime,
    // Addresses are given when the first container starts.
    ...(isRunning && { podIP: address.podIP, podIPs: [{ ip: address.podIP }] }),
    conditions: [
      { type: 'PodScheduled', ...is(true) },
      { type: 'Initialized', ...is(true) },
      { type: 'ContainersReady', ...is(isReady) },
      { type: 'Ready', ...is(isReady) },
    ],
    containerStatuses: containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      restartCount: 0,
      ready: isReady,
      started: isRunning,
      state: isRunning
        ? { running: { startedAt: now() } }
        : {
            waiting: {
              reason: state.waiting,
              message: state.message ?? state.waiting,
            },
          },
    })),
  };
}

function is(value: boolean) {
  return { status: value ? 'True' : 'False', lastTransitionTime: now() };
}

/** Kubernetes' times have no fractions of a second. */
function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '');
}

let givenIps = 0;

/** Another process of this machine may give addresses, too: a part of them is this one's own. */
function nextLoopbackIp(): string {
  givenIps += 1;
  return `127.${1 + ((process.pid >> 8) % 250)}.${process.pid % 256}.${1 + (givenIps % 254)}`;
}

function isSame(a: PodState, b: PodState | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Tests end the API server, too. */
async function unlessUnavailable(step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (error instanceof ApiUnavailableError || (error instanceof ApiError && error.status >= 500)) return;
    throw error;
  }
}

/** What was seen may have changed or gone since then: the next round sees it anew. */
async function unlessChanged(update: () => Promise<void>): Promise<void> {
  try {
    await update();
  } catch (error) {
    if (error instanceof ApiError && (error.isNotFound || error.isConflict)) return;
    throw error;
  }
}
