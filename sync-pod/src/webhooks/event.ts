import type { WorkspaceId } from '@etherply/protocol';

/** How many users one `doc.updated` names at most. */
export const MAX_USERS = 100;

export type EventType = 'client.connected' | 'client.disconnected' | 'doc.updated';

/** Something that happened in a workspace. */
export interface WebhookEvent {
  readonly type: EventType;
  readonly workspaceId: WorkspaceId;
  /** When it happened, in milliseconds since 1970. */
  readonly time: number;
  /** What the receiver gets as `data`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What one or more commits did to a workspace. */
export interface Commit {
  readonly workspaceId: WorkspaceId;
  /** The heads after it. Kept as they are until they are sent: the array must not change later. */
  readonly heads: readonly string[];
  /** How many ops it had. */
  readonly ops: number;
  /** Who sent them, where it is known. */
  readonly users?: Iterable<string>;
}

/** A `doc.updated`, which takes in further commits of its workspace until it is sent. */
export class DocUpdated implements WebhookEvent {
  readonly type = 'doc.updated';
  readonly workspaceId: WorkspaceId;
  readonly #users = new Set<string>();
  #heads: readonly string[] = [];
  #ops = 0;
  #time = 0;

  constructor(commit: Commit, time: number) {
    this.workspaceId = commit.workspaceId;
    this.add(commit, time);
  }

  /** When the last commit in it happened. */
  get time(): number {
    return this.#time;
  }

  get data(): Readonly<Record<string, unknown>> {
    return { heads: this.#heads, ops: this.#ops, user_ids: [...this.#users] };
  }

  add({ heads, ops, users = [] }: Commit, time: number): void {
    this.#heads = heads;
    this.#ops += ops;
    this.#time = time;
    for (const user of users) {
      if (this.#users.size === MAX_USERS) break;
      this.#users.add(user);
    }
  }
}

/** The body of a request. */
export function encode(id: string, { type, time, workspaceId, data }: WebhookEvent): string {
  return JSON.stringify({ id, type, time: new Date(time).toISOString(), workspace_id: workspaceId, data });
}
