import type { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { SyncMessage } from '../strategy/automerge/sync-message.ts';

/**
 * A peer that has all that the workspace had at some time: it is told what came since, without a look at the document. Messages
 * of a connection come in order and none is lost, so that what it was sent it has.
 */
export class Follower {
  readonly #strategy: AutomergeStrategy;
  /** It has, or will have with what it was sent, the first so many changes, and what it brought since. */
  #count: number;
  /** Those it was told last. */
  #heads: readonly string[];
  /** It has said itself that it has so many. */
  #confirmed: number;
  #brought: Uint8Array[] = [];

  private constructor(strategy: AutomergeStrategy, count: number, heads: readonly string[]) {
    this.#strategy = strategy;
    this.#count = count;
    this.#confirmed = count;
    this.#heads = heads;
  }

  /** Undefined where it is not known what a peer with these heads has. */
  static at(strategy: AutomergeStrategy, heads: readonly string[]): Follower | undefined {
    const count = heads.length === 0 ? undefined : strategy.countAt(heads);
    return count === undefined ? undefined : new Follower(strategy, count, heads);
  }

  /**
   * Takes in what the peer says.
   * @param brought changes that came with it and are in now
   * @returns false where it asks for something, has something else, or has less than it had: then it is no follower any more
   */
  hear({ heads, isAsking }: SyncMessage, brought: readonly Uint8Array[]): boolean {
    if (isAsking || heads.length === 0) return false;
    const isKnown = (hash: string) => this.#heads.includes(hash) || this.#strategy.isRecent(hash);
    if (!heads.every(isKnown)) return false;
    const count = this.#strategy.countAt(heads);
    if (count !== undefined && count < this.#confirmed) return false;
    this.#confirmed = count ?? this.#confirmed;
    this.#brought.push(...brought);
    return true;
  }

  /** What it is to be sent; null: nothing, until something comes; undefined: that is not known any more. */
  tell(): Uint8Array | null | undefined {
    const { count } = this.#strategy;
    if (count === this.#count) return null;
    const message = this.#strategy.news(this.#count, this.#brought);
    if (message === undefined) return undefined;
    this.#count = count;
    this.#heads = this.#strategy.heads();
    this.#brought = [];
    return message;
  }
}
