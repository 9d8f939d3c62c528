import type { WorkspaceId } from '@etherply/protocol';
import type { HistoricRecord, HistoryWork, Page } from '../strategy/history.ts';
import { readHistory } from '../workspace/state/stored-history.ts';
import { OneByOne } from './one-by-one.ts';
import type { Shards } from './shards.ts';

const MAX_WAITING = 16;

/** It cannot be done now, because so much else is. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

/** Reads histories from disk. A whole one may be large: no more than one is in memory, and few may wait. */
export class HistoryReads {
  readonly #shards: Shards;
  readonly #work: HistoryWork;
  readonly #oneByOne = new OneByOne();
  #waiting = 0;

  constructor(shards: Shards, work: HistoryWork) {
    this.#shards = shards;
    this.#work = work;
  }

  /** The commits of a workspace, newest first; null where `before` names none. @throws BusyError, ShardDownError */
  page(id: WorkspaceId, page: Page, isWanted: () => boolean): Promise<HistoricRecord[] | null> {
    return this.#inTurn(isWanted, async () => {
      const stored = await readHistory(id, this.#shards.of(id).shard);
      if (stored === undefined) return page.before === undefined ? [] : null;
      return this.#work.page(stored.strategy, stored.history, page);
    });
  }

  /**
   * The live keys of a workspace with their values' texts, as it was at `heads`; null where these are not known.
   * @throws BusyError, ShardDownError
   */
  stateAt(
    id: WorkspaceId,
    heads: readonly string[],
    isWanted: () => boolean,
  ): Promise<[key: string, json: string][] | null> {
    return this.#inTurn(isWanted, async () => {
      const stored = await readHistory(id, this.#shards.of(id).shard);
      return stored === undefined ? null : this.#work.stateAt(stored.strategy, stored.history, heads);
    });
  }

  async #inTurn<T>(isWanted: () => boolean, read: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new BusyError('too many ask for history at once: ask again');
    this.#waiting += 1;
    try {
      return await this.#oneByOne.run(() => {
        if (!isWanted()) throw new BusyError('nobody waits for it any more');
        return read();
      });
    } finally {
      this.#waiting -= 1;
    }
  }
}
