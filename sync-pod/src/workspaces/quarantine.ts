import type { WorkspaceId } from '@etherply/protocol';

/** So long nobody tries again to read what could not be read, in milliseconds. */
const AGAIN_MS = 60_000;
const MESSAGE = 'the workspace is quarantined: what is stored of it cannot be read; the log of the pod says why';

/** A workspace is kept apart, because what is stored of it cannot be read. */
export class QuarantinedError extends Error {
  override readonly name = 'QuarantinedError';

  constructor() {
    super(MESSAGE);
  }
}

interface Edge {
  /** One more is kept apart. */
  readonly began: (workspace: WorkspaceId, error: unknown) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The workspaces that cannot be read: they are left alone, so that the others go on. */
export class Quarantine {
  readonly #edge: Edge;
  /** When it is tried again, by workspace. */
  readonly #until = new Map<WorkspaceId, number>();

  constructor(edge: Edge) {
    this.#edge = edge;
  }

  get count(): number {
    return this.#until.size;
  }

  has(workspace: WorkspaceId): boolean {
    return this.#until.has(workspace);
  }

  /** It is time to try again whether it can be read. */
  isDue(workspace: WorkspaceId): boolean {
    return (this.#until.get(workspace) ?? 0) <= this.#edge.now();
  }

  add(workspace: WorkspaceId, error: unknown): void {
    const isKnown = this.has(workspace);
    this.#until.set(workspace, this.#edge.now() + AGAIN_MS);
    if (!isKnown) this.#edge.began(workspace, error);
  }

  /** It can be read after all, or there is nothing left of it. */
  delete(workspace: WorkspaceId): void {
    this.#until.delete(workspace);
  }
}
