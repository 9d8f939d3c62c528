import type { WorkspaceId } from '@etherply/protocol';
import { HttpError } from './request.ts';

/** How many connections there may be at once. */
export interface ConnectionLimits {
  readonly perPod: number;
  readonly perWorkspace: number;
  /** Infinite: no limit. */
  readonly perAddress: number;
}

/** Gives each connection a place, from before it is upgraded until it is closed. */
export class Admission {
  readonly #limits: ConnectionLimits;
  readonly #refused: (limit: string) => void;
  readonly #workspaces = new Counts<WorkspaceId>();
  readonly #addresses = new Counts<string>();
  #total = 0;

  /** @param refused told which limit a connection has met */
  constructor(limits: ConnectionLimits, refused: (limit: string) => void) {
    this.#limits = limits;
    this.#refused = refused;
  }

  /**
   * Takes a place for a connection from this address, before anything is known about it; call what it gives once to give it back.
   * @throws HttpError where there is none
   */
  enter(address: string): () => void {
    const { perPod, perAddress } = this.#limits;
    if (this.#total >= perPod) this.#refuse('pod', 'this pod has all the connections that it may have');
    if (this.#addresses.of(address) >= perAddress) {
      this.#refuse('address', 'there are as many connections from this address as there may be');
    }
    this.#total += 1;
    this.#addresses.add(address, 1);
    return () => {
      this.#total -= 1;
      this.#addresses.add(address, -1);
    };
  }

  /** Takes a place in a workspace; as {@link enter}. */
  enterWorkspace(workspace: WorkspaceId): () => void {
    if (this.#workspaces.of(workspace) >= this.#limits.perWorkspace) {
      this.#refuse('workspace', 'this workspace has all the connections that it may have');
    }
    this.#workspaces.add(workspace, 1);
    return () => this.#workspaces.add(workspace, -1);
  }

  #refuse(limit: string, message: string): never {
    this.#refused(limit);
    throw new HttpError('unavailable', message);
  }
}

/** Counts that are forgotten at zero. */
class Counts<K> {
  readonly #counts = new Map<K, number>();

  of(key: K): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: K, change: number): void {
    const count = this.of(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
