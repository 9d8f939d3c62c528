import { CLOSE, type ErrorCode, parseWorkspaceId, type WorkspaceId } from '@etherply/protocol';
import { type Access, mayOpen } from '../auth/access.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import type { HistoryWork } from '../strategy/history.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { isPassingError } from '../workspaces/passing-error.ts';
import { QuarantinedError } from '../workspaces/quarantine.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import {
  type ClientMessage,
  decodeClientMessage,
  type EphemeralMessage,
  encodeMessage,
  PROTOCOL_VERSION,
  type ServerMessage,
} from './message.ts';
import { OpenDocument } from './open-document.ts';
import type { Pacing } from './pacing.ts';
import type { Peer, Peers } from './peers.ts';
import type { HeadsByStorage } from './remote-heads.ts';

/** Documents that one connection may have open. */
const MAX_DOCUMENTS = 1000;
/** The most that is said in passing at once: it goes to everybody, and through NATS. */
const MAX_PASSING_BYTES = 256 * 1024;
/** Storages whose heads one connection may ask for. */
const MAX_SUBSCRIPTIONS = 1000;

/** The socket behind a session. */
export interface RepoSocket {
  send(frame: Uint8Array): void;
  close(code: number, reason: string): void;
  /** Closes when the client has read all that it was sent, or does not answer. */
  closeWhenRead(code: number, reason: string): void;
}

interface RepoSessionOptions {
  /** What this pod is called among peers. */
  readonly podName: string;
  /** Names what keeps its documents, to clients: who asks which heads it has asks by that. */
  readonly storageId: string;
  readonly userId: string;
  readonly access: Access;
  /** The only workspace that it may have; undefined: any that its token is for. */
  readonly only: WorkspaceId | undefined;
  readonly workspaces: Pick<Workspaces, 'acquire' | 'release'>;
  /** Takes a place among the connections of a workspace; gives what gives it back. @throws where there is none */
  readonly enterWorkspace: (workspace: WorkspaceId) => () => void;
  readonly peers: Peers;
  readonly pacing: Pacing;
  readonly historyWork: HistoryWork;
  readonly limits: { readonly opsPerSecond: number; readonly opsBurst: number };
  /** Ops and bytes of a workspace came in. */
  readonly submitted: (workspace: WorkspaceId, ops: number, bytes: number) => void;
  readonly rejected: (reason: ErrorCode) => void;
  /** Something that should not happen has happened. */
  readonly failed: (error: unknown) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A document, and what closes it: resolves when what was heard of it is in. */
interface Opened {
  readonly document: OpenDocument;
  readonly close: () => Promise<void>;
}

/** One connection of an automerge-repo client: https://github.com/automerge/automerge-repo, protocol version 1. */
export class RepoSession implements Peer {
  readonly #options: RepoSessionOptions;
  readonly #rate: TokenBucket;
  /** Those that are being opened are undefined as yet. */
  readonly #documents = new Map<WorkspaceId, Promise<Opened | undefined>>();
  #socket: RepoSocket | undefined;
  /** What the client calls itself. */
  #peerId: string | undefined;
  /** Names what keeps its documents; undefined where nothing does. */
  #storageId: string | undefined;
  /** The storages whose heads it wants to know. */
  readonly #subscriptions = new Set<string>();
  #isLeaving = false;

  constructor(options: RepoSessionOptions) {
    this.#options = options;
    const { opsPerSecond, opsBurst } = options.limits;
    this.#rate = new TokenBucket(opsPerSecond, opsBurst, options.now());
  }

  /** Unix seconds at which the token ends, or undefined where it does not. */
  get expiresAt(): number | undefined {
    return this.#options.access.expiresAt;
  }

  get userId(): string {
    return this.#options.userId;
  }

  get name(): string | undefined {
    return this.#peerId && JSON.stringify([this.#options.userId, this.#peerId]);
  }

  opened(socket: RepoSocket): void {
    this.#socket = socket;
  }

  received(frame: Uint8Array): void {
    const message = decodeClientMessage(frame);
    if (message === undefined) this.close(CLOSE.badFrames, 'a frame is no message of automerge-repo');
    else if (!this.#rate.take(1, this.#options.now())) this.close(CLOSE.tooFast, 'too fast');
    else if (message.type === 'join') this.#join(message);
    else if (this.#peerId === undefined) this.close(CLOSE.badFrames, 'the first message is to be join');
    else if (message.type === 'leave') this.close(1000, '');
    else if (message.type === 'sync' || message.type === 'request') this.#sync(message);
    else if (message.type === 'ephemeral') this.#say(message);
    else if (message.type === 'remote-subscription-change') this.#subscribe(message);
    else if (message.type === 'remote-heads-changed') this.#tellHeads(message);
  }

  /** It is to go, and is sent nothing more. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  hear(message: EphemeralMessage): void {
    this.#write(message);
  }

  get wantsHeads(): boolean {
    return this.#subscriptions.size > 0;
  }

  wants(storageId: string): boolean {
    return this.#subscriptions.has(storageId);
  }

  hearHeads(document: WorkspaceId, newHeads: HeadsByStorage): void {
    this.#send({ type: 'remote-heads-changed', documentId: document, newHeads });
  }

  replaced(): void {
    this.close(1000, 'the client has connected again');
  }

  expire(): void {
    this.dismiss(CLOSE.tokenExpired, 'the token has ended');
  }

  /**
   * Closes in a way that leaves the client's documents whole. What it is sent it takes in a moment later, and where its socket is
   * closing by then and so cannot be answered, the document of a stock client can never be changed again.
   */
  dismiss(code: number, reason: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#socket?.closeWhenRead(code, reason);
  }

  close(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  /** The socket is closed. Resolves when all that came through it is in. */
  async closed(): Promise<void> {
    this.#socket = undefined;
    this.#options.peers.leave(this);
    const openings = [...this.#documents.values()];
    this.#documents.clear();
    await Promise.all(openings.map(async (opening) => (await opening)?.close()));
  }

  #join({ senderId, supportedProtocolVersions, peerMetadata }: Extract<ClientMessage, { type: 'join' }>): void {
    const isFirst = this.#peerId === undefined;
    this.#peerId = senderId;
    this.#storageId = peerMetadata?.storageId;
    if (!supportedProtocolVersions.includes(PROTOCOL_VERSION)) {
      this.#send({ type: 'error', message: `this server speaks version ${PROTOCOL_VERSION} of the protocol` });
      this.close(1000, 'no common version of the protocol');
      return;
    }
    if (isFirst && this.name !== undefined) this.#options.peers.join(this.name, this);
    // It keeps what it is given: a client need not look elsewhere.
    const own = { isEphemeral: false, storageId: this.#options.storageId };
    this.#send({ type: 'peer', peerMetadata: own, selectedProtocolVersion: PROTOCOL_VERSION });
  }

  #sync({ type, documentId, data }: Extract<ClientMessage, { type: 'sync' | 'request' }>): void {
    const id = this.#permitted(documentId);
    const opening = id && (this.#documents.get(id) ?? this.#begin(id));
    if (opening === undefined) this.#unavailable(documentId);
    else void opening.then((opened) => opened?.document.hear(data, type === 'request'));
  }

  #begin(id: WorkspaceId): Promise<Opened | undefined> | undefined {
    if (this.#documents.size >= MAX_DOCUMENTS) return undefined;
    const opening = this.#open(id);
    this.#documents.set(id, opening);
    return opening;
  }

  /** @returns undefined where it is not to be had, which the client is told */
  async #open(id: WorkspaceId): Promise<Opened | undefined> {
    const { workspaces, enterWorkspace, failed } = this.#options;
    let leave: () => void;
    try {
      leave = enterWorkspace(id);
    } catch {
      this.#documents.delete(id); // there may be room when it asks again; who runs the pod is told of the limit
      this.#unavailable(id);
      return undefined;
    }
    try {
      const workspace = await workspaces.acquire(id);
      if (this.#socket !== undefined) return this.#openOn(id, workspace, leave);
      workspaces.release(id);
    } catch (error) {
      if (error instanceof QuarantinedError) this.#quarantined(id);
      else {
        if (!isPassingError(error)) failed(error);
        this.#interrupted();
      }
    }
    leave();
    return undefined;
  }

  #openOn(id: WorkspaceId, workspace: Workspace, leave: () => void): Opened {
    const { workspaces, peers } = this.#options;
    peers.open(id, this);
    const document = this.#documentOf(id, workspace);
    const close = async () => {
      // Others can have its place at once; the workspace must stay until what was heard is in, which can take as long as NATS is away.
      peers.close(id, this);
      leave();
      await document.close();
      workspaces.release(id);
    };
    return { document, close };
  }

  #documentOf(id: WorkspaceId, workspace: Workspace): OpenDocument {
    const { access, userId, pacing, historyWork, peers, submitted, rejected, failed } = this.#options;
    return new OpenDocument(workspace, pacing, {
      author: { userId, scopes: access.scopes, claims: access.claims },
      mayWrite: () => access.scopes.has('write') && workspace.state.settings.read_only !== true,
      historyWork,
      send: (data) => this.#send({ type: 'sync', documentId: id, data }),
      unavailable: () => this.#unavailable(id),
      unreadable: () => {
        void this.#documents.get(id)?.then((opened) => opened?.close());
        this.#quarantined(id);
      },
      interrupted: () => this.#interrupted(),
      failed,
      broken: (why) => {
        rejected('bad_request');
        this.close(CLOSE.badFrames, why);
      },
      has: (heads) => {
        const storageId = this.#storageId;
        if (storageId !== undefined && this.#isOther(storageId)) peers.confirmHeads(id, storageId, heads, this);
      },
      changes: (count, bytes) => {
        submitted(id, count, bytes);
        const now = this.#options.now();
        if (!this.#rate.take(count, now) || !workspace.rate.take(count, now)) this.close(CLOSE.tooFast, 'too fast');
      },
    });
  }

  #say(message: EphemeralMessage): void {
    if (message.data.length > MAX_PASSING_BYTES) {
      this.#options.rejected('too_large');
      return;
    }
    const id = this.#permitted(message.documentId);
    if (id !== undefined && this.#documents.has(id)) this.#options.peers.say(id, message, this);
  }

  #subscribe({ add = [], remove = [] }: Extract<ClientMessage, { type: 'remote-subscription-change' }>): void {
    for (const storageId of remove) this.#subscriptions.delete(storageId);
    // Of itself it is told by what it is sent.
    const added = new Set(add.filter((storageId) => this.#isOther(storageId) && !this.#subscriptions.has(storageId)));
    if (this.#subscriptions.size + added.size > MAX_SUBSCRIPTIONS) {
      this.#options.rejected('quota_exceeded');
      this.#send({ type: 'error', message: `a connection is told the heads of at most ${MAX_SUBSCRIPTIONS} storages` });
      return;
    }
    if (added.size === 0) return;
    for (const storageId of added) this.#subscriptions.add(storageId);
    for (const document of this.#documents.keys()) this.#options.peers.askHeads(document, added, this);
  }

  #tellHeads({ documentId, newHeads }: Extract<ClientMessage, { type: 'remote-heads-changed' }>): void {
    const id = this.#permitted(documentId);
    if (id === undefined) return;
    // To read a head takes about as long as an op.
    const count = [...newHeads.values()].reduce((sum, { heads }) => sum + heads.length, 0);
    if (count > 0 && !this.#rate.take(count, this.#options.now())) {
      this.close(CLOSE.tooFast, 'too fast');
      return;
    }
    const others = new Map([...newHeads].filter(([storageId]) => this.#isOther(storageId)));
    this.#options.peers.tellHeads(id, others, this);
  }

  /** What this server has, nobody else can say. */
  #isOther(storageId: string): boolean {
    return storageId !== this.#options.storageId;
  }

  /** The workspace of a document, where the client may have it. */
  #permitted(documentId: string): WorkspaceId | undefined {
    const { only, access } = this.#options;
    const id = parseWorkspaceId(documentId);
    return id !== undefined && (only === undefined || only === id) && mayOpen(access, id) ? id : undefined;
  }

  #interrupted(): void {
    this.dismiss(CLOSE.restart, JSON.stringify({ retry_after_ms: 1000 }));
  }

  /** It is there again for who asks again, once it can be read. */
  #quarantined(id: WorkspaceId): void {
    this.#documents.delete(id);
    this.#send({ type: 'error', message: `document ${id}: ${new QuarantinedError().message}` });
    this.#unavailable(id);
  }

  #unavailable(documentId: string): void {
    this.#send({ type: 'doc-unavailable', documentId });
  }

  #send(message: ServerMessage): void {
    this.#write({ ...message, senderId: this.#options.podName });
  }

  #write(message: (ServerMessage & { senderId: string }) | EphemeralMessage): void {
    if (!this.#isLeaving) this.#socket?.send(encodeMessage({ ...message, targetId: this.#peerId ?? '' }));
  }
}
