import type { Json, PresenceEntry, WorkspaceId } from '@etherply/protocol';
import { Members } from './members.ts';

/** Sends a frame to everyone in a workspace who wants to know who is there. */
export interface Audience {
  tell(workspace: WorkspaceId, frame: string): void;
}

/** Tells other pods who is on this one, and gives what they tell to `Presence`. */
export interface Peers {
  /** From now on it is of interest who is in a workspace. Resolves when other pods have had time to say; undefined: no need to wait. */
  opened(workspace: WorkspaceId): Promise<void> | undefined;
  /** Members of this pod came or said something new (each as JSON text), and sessions of it left. */
  changed(workspace: WorkspaceId, here: readonly string[], gone: readonly string[]): void;
  /** It is of no interest any more, and nobody of this pod is there. */
  closed(workspace: WorkspaceId): void;
}

interface Room {
  readonly members: Members;
  isScheduled: boolean;
  /** While other pods may still be saying who is there. */
  opening: Promise<void> | undefined;
  /** Keeps it open for those who ask and are no members. */
  visit: NodeJS.Timeout | undefined;
}

/**
 * A frame goes to each member, so that frames must become rarer the more there are: this much time for each keeps sending
 * them to a part of the event loop that does not grow with the workspace.
 */
const MS_A_MEMBER = 0.03;
const JOINING_STATUS = 'online';
/** Who asks again and again who is there lets the other pods answer once in this time. */
const VISIT_MS = 10_000;

/** Who is in which workspace, in memory only. What changes in a turn, and in a large workspace soon after it, is one frame. */
export class Presence {
  readonly #audience: Audience;
  readonly #rooms = new Map<WorkspaceId, Room>();
  #peers: Peers | undefined;

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /** From now on this pod is one of several. */
  connect(peers: Peers): void {
    this.#peers = peers;
  }

  join(workspace: WorkspaceId, userId: string, sessionId: string): void {
    const room = this.#roomOf(workspace);
    room.members.put({ user_id: userId, session_id: sessionId, status: JOINING_STATUS, payload: null });
    this.#schedule(workspace, room);
  }

  /** Takes what a session says of itself; what it leaves out stays. A session that is not there has no effect. */
  update(
    workspace: WorkspaceId,
    sessionId: string,
    change: { payload?: Json | undefined; status?: string | undefined },
  ) {
    const room = this.#rooms.get(workspace);
    const entry = room?.members.local(sessionId);
    if (room === undefined || entry === undefined) return;
    const { payload = entry.payload, status = entry.status } = change;
    room.members.put({ ...entry, payload, status });
    this.#schedule(workspace, room);
  }

  leave(workspace: WorkspaceId, sessionId: string): void {
    const room = this.#rooms.get(workspace);
    if (room?.members.remove(sessionId) !== true) return;
    this.#schedule(workspace, room);
    this.#closeUnused(workspace, room);
  }

  /** Takes what has changed of another pod's members. Gives whether there was space for all of them. */
  changeRemote(workspace: WorkspaceId, pod: string, here: readonly PresenceEntry[], gone: readonly string[]): boolean {
    return this.#receive(workspace, (members) => members.changeRemote(pod, here, gone));
  }

  /** Takes the list of all members of another pod: who is not on it has left. Gives whether there was space for all of them. */
  replaceRemote(workspace: WorkspaceId, pod: string, entries: readonly PresenceEntry[]): boolean {
    return this.#receive(workspace, (members) => members.replaceRemote(pod, entries));
  }

  /** The members of this pod, each as JSON text. */
  localTexts(workspace: WorkspaceId): readonly string[] {
    return this.#rooms.get(workspace)?.members.localTexts() ?? [];
  }

  hasLocal(workspace: WorkspaceId): boolean {
    return (this.#rooms.get(workspace)?.members.localCount ?? 0) > 0;
  }

  /** Resolves when other pods have had time to say who is there; undefined: they had it, or there are none. */
  opening(workspace: WorkspaceId): Promise<void> | undefined {
    return this.#rooms.get(workspace)?.opening;
  }

  /** The text of a JSON array with everyone who is known to be there. */
  membersText(workspace: WorkspaceId): string {
    return this.#rooms.get(workspace)?.members.text() ?? '[]';
  }

  /** The text of a JSON array with everyone who is there, for who is no member: where nobody of this pod is, others are asked. */
  async askedText(workspace: WorkspaceId): Promise<string> {
    if (this.#peers === undefined) return this.membersText(workspace);
    const room = this.#roomOf(workspace);
    clearTimeout(room.visit);
    room.visit = setTimeout(() => {
      room.visit = undefined;
      this.#closeUnused(workspace, room);
    }, VISIT_MS).unref();
    await room.opening;
    return this.membersText(workspace);
  }

  #roomOf(workspace: WorkspaceId): Room {
    const known = this.#rooms.get(workspace);
    if (known !== undefined) return known;
    const room: Room = { members: new Members(), isScheduled: false, opening: undefined, visit: undefined };
    this.#rooms.set(workspace, room);
    room.opening = this.#peers?.opened(workspace)?.then(() => {
      room.opening = undefined;
    });
    return room;
  }

  #closeUnused(workspace: WorkspaceId, { members, visit }: Room): void {
    if (members.localCount > 0 || visit !== undefined) return;
    this.#rooms.delete(workspace);
    this.#peers?.closed(workspace);
  }

  #receive(workspace: WorkspaceId, change: (members: Members) => boolean): boolean {
    const room = this.#rooms.get(workspace);
    if (room === undefined) return true;
    const hadSpace = change(room.members);
    this.#schedule(workspace, room);
    return hadSpace;
  }

  #schedule(workspace: WorkspaceId, room: Room): void {
    if (room.isScheduled) return;
    room.isScheduled = true;
    const delayMs = Math.floor(room.members.count * MS_A_MEMBER);
    if (delayMs === 0) setImmediate(() => this.#tell(workspace, room));
    else setTimeout(() => this.#tell(workspace, room), delayMs).unref();
  }

  #tell(workspace: WorkspaceId, room: Room): void {
    room.isScheduled = false;
    if (this.#rooms.get(workspace) !== room) return; // closed: who is there now came after all of this
    const changes = room.members.takeChanges();
    if (changes === undefined) return;
    const { frame, here, gone } = changes;
    if (room.members.localCount > 0) this.#audience.tell(workspace, frame);
    if (here.length + gone.length > 0) this.#peers?.changed(workspace, here, gone);
  }
}
