import type { WorkspaceId } from '@etherply/protocol';
import type { z } from 'zod';
import type { Access, Scope } from '../auth/access.ts';
import type { Edit, HistoricRecord } from '../strategy/history.ts';
import { heldText } from '../workspace/turn/frames.ts';
import type { RequestFacts } from './request.ts';

/** A request that has passed the gate. */
export interface PodRequest {
  readonly access: Access;
  readonly facts: RequestFacts;
  /** The text of the body; never resolves where the client goes away. */
  readonly body: Promise<string>;
  /** The client has not gone away. */
  readonly isWanted: () => boolean;
}

export interface WorkspaceRequest extends PodRequest {
  readonly workspace: WorkspaceId;
}

interface Description {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** As OpenAPI writes it: `{id}` is a workspace id. */
  readonly path: string;
  /** What the token must allow. */
  readonly scope: Scope;
  readonly summary: string;
  /** Names of query parameters, with what they say. */
  readonly query?: Readonly<Record<string, string>>;
  readonly takesIfMatch?: boolean;
  readonly body?: z.ZodType;
  readonly answer: z.ZodType;
}

/** One REST route: what is said of it, and what it does; `handle` gives the JSON text of the answer. */
export type Route = Description &
  (
    | { readonly of: 'workspace'; readonly handle: (request: WorkspaceRequest) => Promise<string | Buffer> }
    /** About the pod as a whole: only for tokens that are good for every workspace. */
    | { readonly of: 'pod'; readonly handle: (request: PodRequest) => Promise<string | Buffer> }
  );

/** A commit as `GET /v1/history` shows it. */
export function historyEntryText({
  hash,
  actor,
  timestamp,
  message,
  author,
  ops,
  isTruncated,
}: HistoricRecord): string {
  const [first] = ops;
  const user = author ?? (ops.every((op) => op.user === first?.user) ? (first?.user ?? null) : null);
  const about = JSON.stringify({ hash, actor, user_id: user, timestamp, message });
  const writes = ops.map((op) => {
    const what = 'edit' in op ? `"path":${JSON.stringify(op.path)},${editText(op.edit)}` : heldText(op.json);
    return `{"key":${JSON.stringify(op.key)},${what},"user_id":${JSON.stringify(op.user)}}`;
  });
  const truncated = isTruncated === true ? ',"truncated":true' : '';
  return `${about.slice(0, -1)},"ops":[${writes.join(',')}]${truncated}}`;
}

function editText(edit: Edit): string {
  if ('put' in edit) return `"put":${edit.put}`;
  if ('insert' in edit) return `"insert":${edit.insert}`;
  return JSON.stringify(edit).slice(1, -1);
}
