import { createHash } from 'node:crypto';
import type { WorkspaceId } from '@etherply/protocol';

/**
 * What a message of a workspace is published under. It follows from the content, so that whichever pod publishes a record, and
 * however often, the stream takes it once.
 */
export function messageId(workspace: WorkspaceId, bytes: Uint8Array): string {
  return createHash('sha256').update(workspace).update('\0').update(bytes).digest('base64url').slice(0, 22);
}
