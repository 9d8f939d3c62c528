import { StreamUnavailableError } from '../replication/stream.ts';
import { ShardDownError } from '../storage/supervised-shard.ts';
import { NotCommittedError } from './turns.ts';

/** Whether it passes, and somebody else has told of it: a disk or NATS is away. Anything else is a mistake of ours. */
export function isPassingError(error: unknown): boolean {
  return [NotCommittedError, ShardDownError, StreamUnavailableError].some((kind) => error instanceof kind);
}
