import type { PresenceEntry } from '@etherply/protocol';

/** The members of other pods that are shown in a workspace; each may take as much memory as a presence payload may have. */
export const MAX_REMOTE_MEMBERS = 10_000;

/** The pod whose members are counted as local. */
const HERE = Symbol('this pod');

/** A session, with the text that others are sent of it. */
interface Member {
  readonly entry: PresenceEntry;
  readonly text: string;
  /** The id of the pod that it is connected to. */
  readonly pod: string | typeof HERE;
}

/** What has changed since it was last asked for. */
export interface MemberChanges {
  /** What clients are told of all of it. */
  readonly frame: string;
  /** The members of this pod that came or said something new, each as JSON text. */
  readonly here: readonly string[];
  /** The sessions of this pod that left. */
  readonly gone: readonly string[];
}

/** Who is in one workspace, on this pod and on others, and what has changed since that was last told. */
export class Members {
  readonly #members = new Map<string, Member>();
  readonly #joined = new Set<string>();
  readonly #updated = new Set<string>();
  readonly #left = new Map<string, Member>();
  #localCount = 0;

  /** On all pods. */
  get count(): number {
    return this.#members.size;
  }

  get localCount(): number {
    return this.#localCount;
  }

  /** What a session of this pod says of itself; undefined where there is no such session. */
  local(sessionId: string): PresenceEntry | undefined {
    const member = this.#members.get(sessionId);
    return member?.pod === HERE ? member.entry : undefined;
  }

  /** A session of this pod has come, or says something new. */
  put(entry: PresenceEntry): void {
    this.#put(entry, HERE);
  }

  /** A session of this pod has left. Gives whether it was there. */
  remove(sessionId: string): boolean {
    return this.#remove(sessionId, HERE);
  }

  /** Takes what has changed of another pod's members. Gives whether there was space for all of them. */
  changeRemote(pod: string, here: readonly PresenceEntry[], gone: readonly string[]): boolean {
    for (const sessionId of gone) this.#remove(sessionId, pod);
    // All are tried: who is known already needs no space.
    return here.map((entry) => this.#put(entry, pod)).every((hadSpace) => hadSpace);
  }

  /** Takes the list of all members of another pod: who is not on it has left. Gives whether there was space for all of them. */
  replaceRemote(pod: string, entries: readonly PresenceEntry[]): boolean {
    const listed = new Set(entries.map(({ session_id }) => session_id));
    const gone = [...this.#of(pod)].map(({ entry }) => entry.session_id).filter((id) => !listed.has(id));
    // Clients need not hear again what they have been told.
    const news = entries.filter((entry) => this.#members.get(entry.session_id)?.text !== JSON.stringify(entry));
    return this.changeRemote(pod, news, gone);
  }

  /** The members of this pod, each as JSON text. */
  localTexts(): string[] {
    return [...this.#of(HERE)].map(({ text }) => text);
  }

  /** The text of a JSON array with all members. */
  text(): string {
    return arrayText(this.#members.values());
  }

  /** Gives what has changed since the last time, once; undefined where nothing has. */
  takeChanges(): MemberChanges | undefined {
    if (this.#joined.size + this.#updated.size + this.#left.size === 0) return undefined;
    const [joined, updated] = [this.#present(this.#joined), this.#present(this.#updated)];
    const left = [...this.#left.values()];
    for (const changed of [this.#joined, this.#updated, this.#left]) changed.clear();
    const lists = `"joined":${arrayText(joined)},"updated":${arrayText(updated)},"left":${arrayText(left)}`;
    return {
      frame: `{"type":"presence",${lists}}`,
      here: [...joined, ...updated].filter(({ pod }) => pod === HERE).map(({ text }) => text),
      gone: left.filter(({ pod }) => pod === HERE).map(({ entry }) => entry.session_id),
    };
  }

  /** Gives whether there was space for it. */
  #put(entry: PresenceEntry, pod: Member['pod']): boolean {
    const id = entry.session_id;
    const known = this.#members.get(id);
    if (known !== undefined && known.pod !== pod) return true; // a session is one pod's, and that pod speaks for it
    if (known === undefined && pod !== HERE && this.count - this.#localCount >= MAX_REMOTE_MEMBERS) return false;
    this.#members.set(id, { entry, text: JSON.stringify(entry), pod });
    this.#left.delete(id);
    if (known === undefined) {
      this.#joined.add(id);
      if (pod === HERE) this.#localCount += 1;
    } else if (!this.#joined.has(id)) this.#updated.add(id);
    return true;
  }

  #remove(sessionId: string, pod: Member['pod']): boolean {
    const member = this.#members.get(sessionId);
    if (member === undefined || member.pod !== pod) return false;
    this.#members.delete(sessionId);
    if (pod === HERE) this.#localCount -= 1;
    this.#updated.delete(sessionId);
    this.#joined.delete(sessionId);
    // Also where its coming was not told yet: it was in the snapshot of who came after it.
    this.#left.set(sessionId, member);
    return true;
  }

  *#of(pod: Member['pod']): Generator<Member> {
    for (const member of this.#members.values()) if (member.pod === pod) yield member;
  }

  #present(ids: Set<string>): Member[] {
    return [...ids].flatMap((id) => this.#members.get(id) ?? []);
  }
}

function arrayText(members: Iterable<Member>): string {
  return `[${[...members].map(({ text }) => text).join(',')}]`;
}
