import type { StrategyName } from '@etherply/protocol';
import { automergeHistory } from './automerge/automerge-history.ts';
import type { HistoryReader, HistoryWork } from './history.ts';
import { LwwStrategy } from './lww/lww-strategy.ts';
import { RegisterHistory } from './registers/register-history.ts';
import { ServerAuthStrategy } from './server-auth/server-auth-strategy.ts';

const REPLAY_ACTOR = 'replay';

/** Who reads the history of which strategy. */
export const histories: Readonly<Record<StrategyName, HistoryReader>> = {
  automerge: automergeHistory,
  lww: new RegisterHistory(() => new LwwStrategy(REPLAY_ACTOR, Number.POSITIVE_INFINITY)),
  'server-auth': new RegisterHistory(() => new ServerAuthStrategy(REPLAY_ACTOR)),
};

/** History work done where it is asked for: in the worker, and in tests. */
export const historyWork: HistoryWork = {
  pack: (strategy, history) => histories[strategy].pack(history),
  page: async (strategy, history, which) => histories[strategy].page(history, which),
  records: (strategy, history) => histories[strategy].records(history),
  stateAt: (strategy, history, heads) => histories[strategy].stateAt(history, heads),
};
