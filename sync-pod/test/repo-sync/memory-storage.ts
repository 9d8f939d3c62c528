import type { Chunk, StorageAdapterInterface, StorageKey } from '@automerge/automerge-repo';

const SEPARATOR = '/';

/** Where a stock client keeps its documents. */
export class MemoryStorage implements StorageAdapterInterface {
  readonly #data = new Map<string, Uint8Array>();

  get keys(): string[] {
    return [...this.#data.keys()];
  }

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    return this.#data.get(key.join(SEPARATOR));
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    this.#data.set(key.join(SEPARATOR), data);
  }

  async remove(key: StorageKey): Promise<void> {
    this.#data.delete(key.join(SEPARATOR));
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    const within = this.keys.filter((key) => key.startsWith(prefix.join(SEPARATOR)));
    return within.map((key) => ({ key: key.split(SEPARATOR), data: this.#data.get(key) }));
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    for (const { key } of await this.loadRange(prefix)) await this.remove(key);
  }
}
