import type { Json, PresenceEntry, WorkspaceId } from '@etherply/protocol';

/** Sends a frame to everyone in a workspace who wants to know who is there. */
export interface Audience {
  tell(workspace: WorkspaceId, frame: string): void;
}

/** A session, with the text that others are sent of it. */
interface Member {
  readonly entry: PresenceEntry;
  readonly text: string;
}

interface Room {
  readonly members: Map<string, Member>;
  /** Sessions that have changed since the last frame. */
  readonly joined: Set<string>;
  readonly updated: Set<string>;
  readonly left: Map<string, Member>;
  isScheduled: boolean;
}

/**
 * A frame goes to each member, so that frames must become rarer the more there are: this much time for each keeps sending
 * them to a part of the event loop that does not grow with the workspace.
 */
const MS_A_MEMBER = 0.03;
const JOINING_STATUS = 'online';

/** Who is in which workspace, in memory only. What changes in a turn, and in a large workspace soon after it, is one frame. */
export class Presence {
  readonly #audience: Audience;
  readonly #rooms = new Map<WorkspaceId, Room>();

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  join(workspace: WorkspaceId, userId: string, sessionId: string): void {
    const room = this.#roomOf(workspace);
    const entry = { user_id: userId, session_id: sessionId, status: JOINING_STATUS, payload: null };
    room.members.set(sessionId, memberOf(entry));
    room.left.delete(sessionId);
    room.joined.add(sessionId);
    this.#schedule(workspace, room);
  }

  /** Takes what a session says of itself; what it leaves out stays. A session that is not there has no effect. */
  update(
    workspace: WorkspaceId,
    sessionId: string,
    change: { payload?: Json | undefined; status?: string | undefined },
  ) {
    const room = this.#rooms.get(workspace);
    const member = room?.members.get(sessionId);
    if (room === undefined || member === undefined) return;
    const { payload = member.entry.payload, status = member.entry.status } = change;
    room.members.set(sessionId, memberOf({ ...member.entry, payload, status }));
    if (!room.joined.has(sessionId)) room.updated.add(sessionId);
    this.#schedule(workspace, room);
  }

  leave(workspace: WorkspaceId, sessionId: string): void {
    const room = this.#rooms.get(workspace);
    const member = room?.members.get(sessionId);
    if (room === undefined || member === undefined) return;
    room.members.delete(sessionId);
    room.updated.delete(sessionId);
    room.joined.delete(sessionId);
    // Also where its coming was not told yet: it was in the snapshot of who came after it.
    room.left.set(sessionId, member);
    if (room.members.size === 0) this.#rooms.delete(workspace);
    else this.#schedule(workspace, room);
  }

  /** The text of a JSON array with everyone who is there. */
  membersText(workspace: WorkspaceId): string {
    return textOf(this.#rooms.get(workspace)?.members.values() ?? []);
  }

  #roomOf(workspace: WorkspaceId): Room {
    let room = this.#rooms.get(workspace);
    if (room === undefined) {
      room = { members: new Map(), joined: new Set(), updated: new Set(), left: new Map(), isScheduled: false };
      this.#rooms.set(workspace, room);
    }
    return room;
  }

  #schedule(workspace: WorkspaceId, room: Room): void {
    if (room.isScheduled) return;
    room.isScheduled = true;
    const delayMs = Math.floor(room.members.size * MS_A_MEMBER);
    if (delayMs === 0) setImmediate(() => this.#tell(workspace, room));
    else setTimeout(() => this.#tell(workspace, room), delayMs).unref();
  }

  #tell(workspace: WorkspaceId, room: Room): void {
    room.isScheduled = false;
    const { joined, updated, left } = room;
    if (joined.size + updated.size + left.size === 0) return;
    const here = (ids: Set<string>) => [...ids].flatMap((id) => room.members.get(id) ?? []);
    const parts = `"joined":${textOf(here(joined))},"updated":${textOf(here(updated))},"left":${textOf(left.values())}`;
    for (const changes of [joined, updated, left]) changes.clear();
    this.#audience.tell(workspace, `{"type":"presence",${parts}}`);
  }
}

function memberOf(entry: PresenceEntry): Member {
  return { entry, text: JSON.stringify(entry) };
}

function textOf(members: Iterable<Member>): string {
  return `[${[...members].map(({ text }) => text).join(',')}]`;
}
