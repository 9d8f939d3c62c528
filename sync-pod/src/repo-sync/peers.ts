import type { WorkspaceId } from '@etherply/protocol';
import { LRUCache } from 'lru-cache';
import type { Bus } from '../presence/bus.ts';
import { HeadsGossip, type Listener } from './heads-gossip.ts';
import type { EphemeralMessage } from './message.ts';
import { decodePassing, encodePassing, type PassingMessage } from './passing-message.ts';
import type { HeadsByStorage } from './remote-heads.ts';

/** A connection, as others see it. */
export interface Peer extends Listener {
  /** Unset until it has joined. Two of one user under one name are the same client, which has come back. */
  readonly name: string | undefined;
  /** Whose connection it is. */
  readonly userId: string;
  hear(message: EphemeralMessage): void;
  /** Another connection has come under its name. */
  replaced(): void;
}

/** Those of this pod who have a document open. */
interface Audience {
  readonly peers: Set<Peer>;
  /** Ends hearing what is said on other pods. */
  readonly leave: () => void;
}

interface Options {
  /** The name of this pod, which no other has. */
  readonly pod: string;
  /** Carries what is said to other pods; undefined where there are none. */
  readonly bus: Bus | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** So many senders are remembered, to know what they have said already. */
const SENDERS = 10_000;

/** The automerge-repo clients of this pod, by name and by document. */
export class Peers {
  readonly #options: Options;
  readonly #byName = new Map<string, Peer>();
  readonly #audiences = new Map<WorkspaceId, Audience>();
  /** The count of the last message of each sender's session. */
  readonly #said = new LRUCache<string, number>({ max: SENDERS });
  readonly #gossip: HeadsGossip;

  constructor(options: Options) {
    this.#options = options;
    this.#gossip = new HeadsGossip({
      listenersOf: (document) => this.#audiences.get(document)?.peers ?? [],
      publish: (document, message) => this.#publish(document, { kind: 'heads', message }),
      now: options.now,
    });
    options.bus?.onConnected(() => this.#gossip.connected());
  }

  join(name: string, peer: Peer): void {
    this.#byName.get(name)?.replaced();
    this.#byName.set(name, peer);
  }

  leave(peer: Peer): void {
    const { name } = peer;
    if (name !== undefined && this.#byName.get(name) === peer) this.#byName.delete(name);
  }

  open(document: WorkspaceId, peer: Peer): void {
    const audience = this.#audiences.get(document) ?? this.#gather(document);
    audience.peers.add(peer);
    this.#gossip.opened(document, peer);
  }

  close(document: WorkspaceId, peer: Peer): void {
    const audience = this.#audiences.get(document);
    audience?.peers.delete(peer);
    if (audience?.peers.size !== 0) return;
    audience.leave();
    this.#audiences.delete(document);
    this.#gossip.closed(document);
  }

  /** Tells all others who have the document open, on whatever pod, once. */
  say(document: WorkspaceId, message: EphemeralMessage, from: Peer): void {
    if (!this.#tell(document, message, from)) return;
    this.#publish(document, { kind: 'said', userId: from.userId, message });
  }

  /** As `HeadsGossip.confirmed`. */
  confirmHeads(document: WorkspaceId, storageId: string, heads: readonly string[], from: Peer): void {
    this.#gossip.confirmed(document, storageId, heads, from);
  }

  /** As `HeadsGossip.told`. */
  tellHeads(document: WorkspaceId, heads: HeadsByStorage, from: Peer): void {
    this.#gossip.told(document, heads, from);
  }

  /** As `HeadsGossip.asked`. */
  askHeads(document: WorkspaceId, storageIds: ReadonlySet<string>, from: Peer): void {
    this.#gossip.asked(document, storageIds, from);
  }

  #gather(document: WorkspaceId): Audience {
    const leave = this.#options.bus?.subscribe(document, (bytes) => this.#heard(document, bytes));
    const audience = { peers: new Set<Peer>(), leave: leave ?? (() => {}) };
    this.#audiences.set(document, audience);
    return audience;
  }

  #publish(document: WorkspaceId, passing: PassingMessage): void {
    const { pod, bus } = this.#options;
    bus?.publish(document, encodePassing(pod, passing));
  }

  /** What another pod says, or this one: everybody hears all. */
  #heard(document: WorkspaceId, bytes: Uint8Array): void {
    const decoded = decodePassing(bytes);
    if (decoded === undefined || decoded.pod === this.#options.pod) return;
    const { passing } = decoded;
    if (passing.kind === 'heads') this.#gossip.heard(document, passing.message);
    else if (passing.message.documentId === document) this.#tell(document, passing.message, { userId: passing.userId });
  }

  /** @returns false where it has been said already */
  #tell(document: WorkspaceId, message: EphemeralMessage, from: Pick<Peer, 'userId'>): boolean {
    // Of each user: nobody can speak in the place of another one, and so silence them.
    const session = JSON.stringify([document, from.userId, message.senderId, message.sessionId]);
    if (message.count <= (this.#said.get(session) ?? -1)) return false;
    this.#said.set(session, message.count);
    for (const peer of this.#audiences.get(document)?.peers ?? []) if (peer !== from) peer.hear(message);
    return true;
  }
}
