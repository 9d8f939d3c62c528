import type { WorkspaceId } from '@etherply/protocol';
import { LRUCache } from 'lru-cache';
import type { EphemeralMessage } from './message.ts';

/** A connection, as others of this pod see it. */
export interface Peer {
  /** Unset until it has joined. Two of one user under one name are the same client, which has come back. */
  readonly name: string | undefined;
  /** Whose connection it is. */
  readonly userId: string;
  hear(message: EphemeralMessage): void;
  /** Another connection has come under its name. */
  replaced(): void;
}

/** So many senders are remembered, to know what they have said already. */
const SENDERS = 10_000;

/** The automerge-repo clients of this pod, by name and by document. */
export class Peers {
  readonly #byName = new Map<string, Peer>();
  readonly #byDocument = new Map<WorkspaceId, Set<Peer>>();
  /** The count of the last message of each sender's session. */
  readonly #said = new LRUCache<string, number>({ max: SENDERS });

  join(name: string, peer: Peer): void {
    this.#byName.get(name)?.replaced();
    this.#byName.set(name, peer);
  }

  leave(peer: Peer): void {
    const { name } = peer;
    if (name !== undefined && this.#byName.get(name) === peer) this.#byName.delete(name);
  }

  open(document: WorkspaceId, peer: Peer): void {
    const present = this.#byDocument.get(document);
    if (present === undefined) this.#byDocument.set(document, new Set([peer]));
    else present.add(peer);
  }

  close(document: WorkspaceId, peer: Peer): void {
    const present = this.#byDocument.get(document);
    present?.delete(peer);
    if (present?.size === 0) this.#byDocument.delete(document);
  }

  /** Tells all others who have the document open, once. */
  say(document: WorkspaceId, message: EphemeralMessage, from: Peer): void {
    // Of each user: nobody can speak in the place of another one, and so silence them.
    const session = JSON.stringify([document, from.userId, message.senderId, message.sessionId]);
    if (message.count <= (this.#said.get(session) ?? -1)) return;
    this.#said.set(session, message.count);
    for (const peer of this.#byDocument.get(document) ?? []) if (peer !== from) peer.hear(message);
  }
}
