import type { PresenceEntry, PresenceFrame } from '@etherply/protocol';

/** Who came, said something new of themselves, or went. */
export interface PresenceChange {
  readonly joined: readonly PresenceEntry[];
  readonly updated: readonly PresenceEntry[];
  readonly left: readonly PresenceEntry[];
}

/** The other sessions in the workspace, by session id. */
export class Roster {
  readonly #others = new Map<string, PresenceEntry>();

  get others(): ReadonlyMap<string, PresenceEntry> {
    return this.#others;
  }

  /** Returns what is new in the frame for somebody who is this session. */
  take(frame: PresenceFrame, ownSessionId: string | undefined): PresenceChange {
    const isOther = (entry: PresenceEntry) => entry.session_id !== ownSessionId;
    const change = 'snapshot' in frame ? this.#compare(frame.snapshot.filter(isOther)) : frame;
    const others = {
      joined: change.joined.filter(isOther),
      updated: change.updated.filter(isOther),
      left: change.left.filter(isOther),
    };
    for (const { session_id } of others.left) this.#others.delete(session_id);
    for (const entry of [...others.joined, ...others.updated]) this.#others.set(entry.session_id, entry);
    return others;
  }

  /** What makes of those known these ones. */
  #compare(snapshot: readonly PresenceEntry[]): PresenceChange {
    const here = new Set(snapshot.map(({ session_id }) => session_id));
    return {
      joined: snapshot.filter(({ session_id }) => !this.#others.has(session_id)),
      updated: snapshot.filter(({ session_id }) => this.#others.has(session_id)),
      left: [...this.#others.values()].filter(({ session_id }) => !here.has(session_id)),
    };
  }
}
