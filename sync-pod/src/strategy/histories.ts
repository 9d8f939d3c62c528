import type { StrategyName } from '@etherply/protocol';
import { automergeHistory } from './automerge/automerge-history.ts';
import type { HistoryReader } from './history.ts';
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
