import type { StrategyName } from '@etherply/protocol';
import { AutomergeStrategy } from './automerge/automerge-strategy.ts';
import type { HeavyWork } from './automerge/heavy-work.ts';
import { LwwStrategy } from './lww/lww-strategy.ts';
import { ServerAuthStrategy } from './server-auth/server-auth-strategy.ts';
import type { Strategy } from './strategy.ts';

interface Options {
  /** 16 random bytes in hex that no other process writes with. */
  readonly actor: string;
  /** For how long a last-write-wins workspace remembers a deletion at least, in milliseconds. */
  readonly tombstoneMs: number;
  readonly heavyWork: HeavyWork;
}

/** Makes an empty state of a workspace with the strategy of this name. To add a strategy, add it here and to `histories.ts`. */
export function createStrategy(name: StrategyName, { actor, tombstoneMs, heavyWork }: Options): Strategy {
  switch (name) {
    case 'automerge':
      return new AutomergeStrategy(actor, heavyWork);
    case 'lww':
      return new LwwStrategy(actor, tombstoneMs);
    case 'server-auth':
      return new ServerAuthStrategy(actor);
  }
}
