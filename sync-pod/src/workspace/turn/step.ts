import type { Write } from '../../storage/shard.ts';

/** What one turn of the commit loop does for a workspace. */
export interface Step {
  readonly writes: readonly Write[];
  /** All of it is durable. */
  readonly committed: () => void;
  /** It may or may not be durable, or will not be done. */
  readonly failed: () => void;
}
