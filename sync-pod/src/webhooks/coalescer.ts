import type { WorkspaceId } from '@etherply/protocol';
import type { Commit, DocUpdated } from './event.ts';

interface Gathering {
  readonly update: DocUpdated;
  readonly window: NodeJS.Timeout;
  isDue: boolean;
}

/**
 * Brings the commits of a workspace together. Of each workspace at most one update gathers commits, until its first attempt
 * begins, and at most one is on its way, until it is settled. So a receiver that is slow or down makes updates larger, not
 * more of them, and gets those of one workspace in order.
 */
export class Coalescer {
  readonly #windowMs: number;
  readonly #ready: (update: DocUpdated) => void;
  readonly #gathering = new Map<WorkspaceId, Gathering>();
  readonly #onTheirWay = new Set<WorkspaceId>();

  /** @param ready gets each update whose time has come; it gathers on until `begin` */
  constructor(windowMs: number, ready: (update: DocUpdated) => void) {
    this.#windowMs = windowMs;
    this.#ready = ready;
  }

  /** Adds a commit to the update that its workspace has; false where it has none. */
  merge(commit: Commit, time: number): boolean {
    const gathering = this.#gathering.get(commit.workspaceId);
    gathering?.update.add(commit, time);
    return gathering !== undefined;
  }

  /** Opens the window of an update, in a workspace that has none. */
  open(update: DocUpdated): void {
    const gathering: Gathering = {
      update,
      window: setTimeout(() => this.#due(gathering), this.#windowMs).unref(),
      isDue: false,
    };
    this.#gathering.set(update.workspaceId, gathering);
  }

  /** The first attempt to deliver an update begins: it takes in nothing more. */
  begin({ workspaceId }: DocUpdated): void {
    this.#gathering.delete(workspaceId);
    this.#onTheirWay.add(workspaceId);
  }

  /** An update that had begun was delivered or given up. */
  settled({ workspaceId }: DocUpdated): void {
    this.#onTheirWay.delete(workspaceId);
    const next = this.#gathering.get(workspaceId);
    if (next?.isDue) this.#ready(next.update);
  }

  /** Ends all windows now. */
  flush(): void {
    for (const gathering of this.#gathering.values()) {
      clearTimeout(gathering.window);
      if (!gathering.isDue) this.#due(gathering);
    }
  }

  #due(gathering: Gathering): void {
    gathering.isDue = true;
    if (!this.#onTheirWay.has(gathering.update.workspaceId)) this.#ready(gathering.update);
  }
}
