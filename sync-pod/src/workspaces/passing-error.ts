import { StreamUnavailableError } from '../replication/stream.ts';
import { ShardDownError } from '../storage/supervised-shard.ts';
import { NotCommittedError } from '../workspace/turn/turns.ts';
import { QuarantinedError } from './quarantine.ts';

/** Whether it passes, and somebody else has told of it: a disk or NATS is away, or the workspace is quarantined. Anything else is a mistake of ours. */
export function isPassingError(error: unknown): boolean {
  return [NotCommittedError, QuarantinedError, ShardDownError, StreamUnavailableError].some(
    (kind) => error instanceof kind,
  );
}
