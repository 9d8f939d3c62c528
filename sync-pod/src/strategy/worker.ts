import type { StrategyName } from '@etherply/protocol';
import { heavyWork } from './automerge/heavy-work.ts';
import { histories } from './histories.ts';
import type { Page, StoredHistory } from './history.ts';

// What a worker thread of the pool runs: each export is a task.

export const encode = ([header, writes]: Parameters<typeof heavyWork.encode>) => heavyWork.encode(header, writes);
export const decode = ([change]: Parameters<typeof heavyWork.decode>) => heavyWork.decode(change);
export const pack = ([strategy, history]: [StrategyName, StoredHistory]) => histories[strategy].pack(history);
export const page = ([strategy, history, which]: [StrategyName, StoredHistory, Page]) =>
  histories[strategy].page(history, which);
export const stateAt = ([strategy, history, heads]: [StrategyName, StoredHistory, readonly string[]]) =>
  histories[strategy].stateAt(history, heads);
