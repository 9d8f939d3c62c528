import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { KINDS } from '../kube/kinds.ts';
import type { KubeObject } from '../kube/object.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { ApiError, ApiUnavailableError } from './api-error.ts';
import type { KubeClient } from './kube-client.ts';
import { Leadership } from './leadership.ts';
import { microTime } from './micro-time.ts';

export interface ElectorOptions {
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Who this is; no other process ever has the same. */
  readonly identity: string;
  /** So long after the last renewal that others have seen they take the lease. Whole seconds. */
  readonly leaseMs?: number;
  /** So long after its last renewal the holder stops: before anybody else can begin. */
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
  /** Is told of an attempt to get or renew the lease that failed; there will be another. */
  readonly onError?: (error: ApiError | ApiUnavailableError) => void;
}

const LEASE_MS = 12_000;
const RENEW_DEADLINE_MS = 9_000;
const RETRY_MS = 1_500;

const leaseSpec = z.looseObject({
  holderIdentity: z.string().optional(),
  leaseDurationSeconds: z.int().optional(),
  acquireTime: z.string().optional(),
  leaseTransitions: z.int().optional(),
});
type LeaseSpec = z.infer<typeof leaseSpec>;

/**
 * Lets one of several processes act, by a Lease that it holds and renews: https://kubernetes.io/docs/concepts/architecture/leases/
 * No clock is compared with that of another machine: who waits for the lease counts the time since it saw the last change.
 */
export class Elector {
  readonly #client: KubeClient;
  readonly #options: ElectorOptions;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  /** Which Lease was seen last, and when, in milliseconds of the monotonic clock. */
  #seen: { readonly resourceVersion: string; readonly at: number } | undefined;
  /** When the lease of another one ends, if it is not renewed, on that clock. */
  #othersUntil: number | undefined;

  constructor(client: KubeClient, options: ElectorOptions) {
    this.#client = client;
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? RENEW_DEADLINE_MS;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    if (this.#renewDeadlineMs >= this.#leaseMs) throw new Error('a holder must stop before its lease ends');
  }

  /**
   * Resolves when this process holds the lease.
   * @throws the signal's reason where that is aborted before
   */
  async acquire(signal?: AbortSignal): Promise<Leadership> {
    for (;;) {
      signal?.throwIfAborted();
      const startedAt = performance.now();
      const lease = await this.#attempt(() => this.#tryAcquire());
      if (lease !== undefined) return this.#lead(lease, startedAt);
      await sleep(this.#waitMs, undefined, { signal });
    }
  }

  /** Until the next attempt: not all who wait are to make it at the same time, and none after the lease has ended. */
  get #waitMs(): number {
    const retryMs = this.#retryMs * (1 + Math.random() / 2);
    const leftMs = (this.#othersUntil ?? 0) - performance.now();
    return leftMs > 0 ? Math.min(retryMs, leftMs) : retryMs;
  }

  #lead(lease: StoredObject, startedAt: number): Leadership {
    let held = lease;
    return new Leadership({
      acquiredAt: startedAt,
      renewDeadlineMs: this.#renewDeadlineMs,
      retryMs: this.#retryMs,
      renew: async () => {
        const outcome = await this.#attempt(() => this.#tryRenew(held));
        if (outcome === 'taken') return outcome;
        if (outcome !== undefined) held = outcome;
        return outcome === undefined ? 'failed' : 'renewed';
      },
      release: async () => {
        await this.#attempt(() => this.#write(held, leaseSpec.parse(held.spec), ''));
      },
    });
  }

  /** @returns undefined where it failed, which is told */
  async #attempt<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof ApiUnavailableError)) throw error;
      // Somebody else was faster: that is how it is meant to be.
      if (!(error instanceof ApiError && error.isConflict)) this.#options.onError?.(error);
      return undefined;
    }
  }

  /** @returns undefined where another one holds it */
  async #tryAcquire(): Promise<StoredObject | undefined> {
    const lease = await this.#get();
    if (lease === undefined) return this.#client.create(this.#lease({ leaseTransitions: 0 }), this.#scope);
    const now = performance.now();
    const { resourceVersion } = lease.metadata;
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, at: now };
    const spec = leaseSpec.parse(lease.spec);
    // The holder may have been told other times than this one.
    const leaseMs = Math.max(this.#leaseMs, (spec.leaseDurationSeconds ?? 0) * 1000);
    const isAnothers = spec.holderIdentity !== undefined && !['', this.#options.identity].includes(spec.holderIdentity);
    this.#othersUntil = isAnothers ? this.#seen.at + leaseMs : undefined;
    if (this.#othersUntil !== undefined && now < this.#othersUntil) return undefined;
    const transitions = (spec.leaseTransitions ?? 0) + 1;
    return this.#write(lease, { ...spec, acquireTime: microTime(), leaseTransitions: transitions });
  }

  /** @returns `taken` where another one holds it */
  async #tryRenew(held: StoredObject): Promise<StoredObject | 'taken'> {
    try {
      return await this.#write(held, leaseSpec.parse(held.spec));
    } catch (error) {
      if (!(error instanceof ApiError && (error.isConflict || error.isNotFound))) throw error;
      // It may be that an earlier renewal arrived of which no answer came, or that somebody has set a label.
      const current = await this.#get();
      if (current === undefined) return 'taken';
      const spec = leaseSpec.parse(current.spec);
      return spec.holderIdentity === this.#options.identity ? this.#write(current, spec) : 'taken';
    }
  }

  #get(): Promise<StoredObject | undefined> {
    const { namespace, name } = this.#options;
    return this.#client.get(KINDS.Lease, { namespace, name }, this.#scope);
  }

  /** Only where nobody has written since `lease` was read. */
  #write(lease: StoredObject, spec: LeaseSpec, holderIdentity = this.#options.identity): Promise<StoredObject> {
    const { metadata, ...rest } = this.#lease(spec, holderIdentity);
    return this.#client.replace({ ...rest, metadata: { ...lease.metadata, ...metadata } }, this.#scope);
  }

  #lease(spec: LeaseSpec, holderIdentity = this.#options.identity): KubeObject {
    const { namespace, name } = this.#options;
    return {
      apiVersion: KINDS.Lease.apiVersion,
      kind: KINDS.Lease.kind,
      metadata: { namespace, name },
      spec: {
        acquireTime: microTime(),
        ...spec,
        holderIdentity,
        leaseDurationSeconds: this.#leaseMs / 1000,
        renewTime: microTime(),
      },
    };
  }

  /** There is to be time for another attempt before the deadline. */
  get #scope() {
    return { timeoutMs: this.#renewDeadlineMs / 2 };
  }
}
