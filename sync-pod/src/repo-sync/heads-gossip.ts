import type { WorkspaceId } from '@etherply/protocol';
import { type HeadsByStorage, RemoteHeads } from './remote-heads.ts';

/** What pods say to each other of the heads that storages have. */
export type GossipMessage =
  /** Some client here wants to know. */
  | { readonly type: 'wanted' }
  /** Some are known here: who wants to know is to say so. */
  | { readonly type: 'offered' }
  | { readonly type: 'told'; readonly heads: HeadsByStorage };

/** A client that has a document open. */
export interface Listener {
  /** It has asked for the heads of this storage. */
  wants(storageId: string): boolean;
  /** It has asked for those of any. */
  readonly wantsHeads: boolean;
  hearHeads(document: WorkspaceId, heads: HeadsByStorage): void;
}

interface Edge {
  /** Those of this pod who have the document open. */
  readonly listenersOf: (document: WorkspaceId) => Iterable<Listener>;
  /** To other pods where somebody has it open. */
  readonly publish: (document: WorkspaceId, message: GossipMessage) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What pods know of each other about a document that is open. */
interface Interest {
  isWantedHere: boolean;
  isWantedElsewhere: boolean;
  isOffered: boolean;
}

/** Tells clients which heads the storages of others have, on whatever pod these are. Where nobody asks, pods say next to nothing. */
export class HeadsGossip {
  readonly #edge: Edge;
  readonly #known = new RemoteHeads();
  readonly #interests = new Map<WorkspaceId, Interest>();

  constructor(edge: Edge) {
    this.#edge = edge;
  }

  /** A client has opened a document. */
  opened(document: WorkspaceId, listener: Listener): void {
    const known = this.#known.of(document);
    if (!this.#interests.has(document)) {
      const interest = { isWantedHere: false, isWantedElsewhere: false, isOffered: known.size > 0 };
      this.#interests.set(document, interest);
      if (interest.isOffered) this.#edge.publish(document, { type: 'offered' });
    }
    if (listener.wantsHeads) this.#want(document);
    tell(document, known, listener);
  }

  /** Nobody here has it open any more. */
  closed(document: WorkspaceId): void {
    this.#interests.delete(document);
  }

  /** A client that has a document open asks for the heads of more storages. */
  asked(document: WorkspaceId, storageIds: ReadonlySet<string>, listener: Listener): void {
    this.#want(document);
    const known = [...this.#known.of(document)].filter(([storageId]) => storageIds.has(storageId));
    tell(document, new Map(known), listener);
  }

  /** The client of a storage says what it has. */
  confirmed(document: WorkspaceId, storageId: string, heads: readonly string[], from: Listener): void {
    const latest = this.#known.confirm(document, storageId, heads, this.#edge.now());
    if (latest !== undefined) this.#spread(document, new Map([[storageId, latest]]), from);
  }

  /** A client says what other storages have. */
  told(document: WorkspaceId, heads: HeadsByStorage, from: Listener): void {
    this.#spread(document, this.#known.hear(document, heads, this.#edge.now()), from);
  }

  /** Another pod says something. */
  heard(document: WorkspaceId, message: GossipMessage): void {
    const interest = this.#interests.get(document);
    if (interest === undefined) return;
    if (message.type === 'told') {
      this.#tellHere(document, this.#known.hear(document, message.heads, this.#edge.now()), undefined);
    } else if (message.type === 'wanted') {
      interest.isWantedElsewhere = true;
      const known = this.#known.of(document);
      if (known.size > 0) this.#edge.publish(document, { type: 'told', heads: known });
    } else if (interest.isWantedHere) this.#edge.publish(document, { type: 'wanted' });
  }

  /** Other pods can be reached, again perhaps: what was said meanwhile is lost. */
  connected(): void {
    for (const [document, { isWantedHere, isOffered }] of this.#interests) {
      if (isWantedHere) this.#edge.publish(document, { type: 'wanted' });
      if (isOffered) this.#edge.publish(document, { type: 'offered' });
    }
  }

  #want(document: WorkspaceId): void {
    const interest = this.#interests.get(document);
    if (interest === undefined || interest.isWantedHere) return;
    interest.isWantedHere = true;
    this.#edge.publish(document, { type: 'wanted' });
  }

  #spread(document: WorkspaceId, newer: HeadsByStorage, from: Listener): void {
    if (newer.size === 0) return;
    this.#tellHere(document, newer, from);
    const interest = this.#interests.get(document);
    if (interest?.isWantedElsewhere === true) this.#edge.publish(document, { type: 'told', heads: newer });
    else if (interest?.isOffered === false) {
      interest.isOffered = true;
      this.#edge.publish(document, { type: 'offered' });
    }
  }

  #tellHere(document: WorkspaceId, newer: HeadsByStorage, from: Listener | undefined): void {
    for (const listener of this.#edge.listenersOf(document)) if (listener !== from) tell(document, newer, listener);
  }
}

function tell(document: WorkspaceId, heads: HeadsByStorage, listener: Listener): void {
  if (!listener.wantsHeads) return;
  const wanted = [...heads].filter(([storageId]) => listener.wants(storageId));
  if (wanted.length > 0) listener.hearHeads(document, new Map(wanted));
}
