import type { WorkspaceId } from '@etherply/protocol';
import type { SupervisedShard } from '../storage/supervised-shard.ts';
import { decodeCheckpoint, type Mark } from '../workspace/replica/checkpoint.ts';

/** The one with the greater number; undefined where there is none. */
export function laterOf(one: Mark | undefined, other: Mark | undefined): Mark | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.sequence > one.sequence ? other : one;
}

/**
 * The last message of an origin whose effect is on a shard.
 * @param except workspaces that are left out
 * @throws ShardDownError
 */
export async function lastMarkOn(
  shard: SupervisedShard,
  origin: string,
  except: ReadonlySet<WorkspaceId>,
): Promise<Mark | undefined> {
  let last: Mark | undefined;
  for await (const id of shard.workspaces()) {
    if (except.has(id)) continue;
    const bytes = await shard.checkpoint(id);
    if (bytes !== undefined) last = laterOf(last, decodeCheckpoint(bytes).marks.get(origin));
  }
  return last;
}
