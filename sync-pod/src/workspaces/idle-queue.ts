import type { WorkspaceId } from '@etherply/protocol';

/** Workspaces that nobody uses, longest idle first, with the bytes that they hold. */
export class IdleQueue {
  readonly #bytes = new Map<WorkspaceId, number>();
  #total = 0;

  /** Nobody uses it since now. */
  add(id: WorkspaceId, bytes: number): void {
    this.delete(id);
    this.#bytes.set(id, bytes);
    this.#total += bytes;
  }

  delete(id: WorkspaceId): void {
    this.#total -= this.#bytes.get(id) ?? 0;
    this.#bytes.delete(id);
  }

  /** Those that would have to go, so that the others hold at most so many bytes. */
  beyond(maxBytes: number): WorkspaceId[] {
    const ids: WorkspaceId[] = [];
    let rest = this.#total;
    for (const [id, bytes] of this.#bytes) {
      if (rest <= maxBytes) break;
      ids.push(id);
      rest -= bytes;
    }
    return ids;
  }
}
