import type { WorkspaceId } from '@etherply/protocol';
import type { Workspace } from '../workspace/workspace.ts';
import { OneByOne } from './one-by-one.ts';

interface Edge {
  /** Keeps a workspace open for as long as `work` takes. */
  readonly use: (id: WorkspaceId, work: (workspace: Workspace) => Promise<void>) => Promise<void>;
  readonly failed: (id: WorkspaceId, error: unknown) => void;
  readonly isClosing: () => boolean;
}

/** What workspaces have done while they serve: one after the other, so that none removes what another reads. */
export class Background {
  readonly #edge: Edge;
  readonly #underWay = new Set<string>();
  readonly #oneByOne = new OneByOne();

  constructor(edge: Edge) {
    this.#edge = edge;
  }

  /** Does some work of this name for a workspace, unless that is waiting or under way. */
  begin(id: WorkspaceId, name: string, work: (workspace: Workspace) => Promise<void>): void {
    const key = `${name} ${id}`;
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    void this.run(async () => {
      try {
        if (!this.#edge.isClosing()) await this.#edge.use(id, work);
      } catch (error) {
        this.#edge.failed(id, error);
      }
      this.#underWay.delete(key);
    });
  }

  /** Does some work when nothing else is under way. Rejects as that does. */
  run(work: () => Promise<void>): Promise<void> {
    return this.#oneByOne.run(work);
  }

  /** Resolves when everything has ended that has been begun by now. */
  idle(): Promise<void> {
    return this.#oneByOne.idle();
  }
}
