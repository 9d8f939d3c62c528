import type { WorkspaceId } from '@etherply/protocol';
import { StreamUnavailableError } from '../replication/stream.ts';
import { ShardError } from '../storage/shard.ts';
import { ShardDownError, type SupervisedShard } from '../storage/supervised-shard.ts';
import type { Replication } from '../workspace/replica/replica.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { decodeStreamFacts, goesOn } from './stream-facts.ts';

/** How many workspaces have something that the stream may lack. */
export interface Unpublished {
  /** Null: it is not known. 0 only where it is certain that the stream has everything. */
  readonly count: number | null;
  /** Why it is not known, or what could not be asked, in words for whoever runs it. */
  readonly problems: readonly string[];
}

/**
 * Counts by what is synced on disk, whether the workspace is open or not, and then by what is in memory. What comes in
 * meanwhile may be missing: where that matters, nothing may come in any more.
 */
export async function countUnpublished(
  shards: readonly SupervisedShard[],
  open: () => readonly Workspace[],
  replication: Replication | undefined,
): Promise<Unpublished> {
  if (replication === undefined) return { count: null, problems: ['there is no stream: ETHERPLY_NATS_URL is not set'] };
  const found = new Set<WorkspaceId>();
  const unread: string[] = [];
  for (const shard of shards) {
    try {
      for (const id of await shard.unpublishedWorkspaces()) found.add(id);
    } catch (error) {
      unread.push(reasonOf(error, shard));
    }
  }
  const uncompared = unread.length > 0 ? [] : await reasonsToDoubt(shards, replication);
  for (const { id, isUnpublished } of open()) if (isUnpublished) found.add(id);
  // What is on disk is a count of its own; that it is nothing holds only for a stream that has what it had.
  const isKnown = unread.length === 0 && (found.size > 0 || uncompared.length === 0);
  return { count: isKnown ? found.size : null, problems: [...unread, ...uncompared] };
}

/** Why the stream may lack what it once had. */
async function reasonsToDoubt(
  shards: readonly SupervisedShard[],
  { facts, stream, comparison }: Replication,
): Promise<string[]> {
  if (stream.forgets && comparison.isSame !== true) return ['what is here has not been compared with the stream yet'];
  try {
    const known = await Promise.all(shards.map((shard) => shard.knownStream()));
    const now = await facts();
    return known.flatMap((bytes, index) => {
      const isCompared = bytes !== undefined && goesOn(decodeStreamFacts(bytes), now);
      return isCompared ? [] : `shard ${index} has not been compared with the stream yet`;
    });
  } catch (error) {
    if (error instanceof StreamUnavailableError) return [`the stream cannot be asked what it has: ${error.message}`];
    return [reasonOf(error, undefined)];
  }
}

/** @throws what no shard that cannot be read throws */
function reasonOf(error: unknown, shard: SupervisedShard | undefined): string {
  if (error instanceof ShardDownError) return shard?.problem?.message ?? error.message;
  if (error instanceof ShardError) return error.message;
  throw error;
}
