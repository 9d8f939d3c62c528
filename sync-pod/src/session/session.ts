import {
  CLOSE,
  type ClientFrame,
  clientFrame,
  type Durability,
  type ErrorCode,
  LIMITS,
  problemOf,
  type WorkspaceId,
} from '@etherply/protocol';
import { type Access, mayOpen } from '../auth/access.ts';
import { AuthError, type TokenVerifier } from '../auth/token-verifier.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import type { Presence } from '../presence/presence.ts';
import type { Op, Strategy } from '../strategy/strategy.ts';
import { SYSTEM_USER } from '../workspace/state/system-user.ts';
import { announcementOf } from '../workspace/turn/announcement.ts';
import type { Announcement, Subscriber } from '../workspace/turn/broadcaster.ts';
import { ackText, errorFrame, eventText, rejectFrame } from '../workspace/turn/frames.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { idOf } from './frame-id.ts';
import { PendingAcks } from './pending-acks.ts';
import { toOp } from './to-op.ts';

/** With more than this still to be sent, a client that has just come first reads what it was sent. */
const JOIN_PENDING_BYTES = 64 * 1024;

/** What a client may send before it has read its state. */
const MAX_HELD_BYTES = 4 << 20;
/** To verify a token takes about as long as so many ops. */
const AUTH_COST = 20;

/** The socket behind a session. */
export interface SessionSocket {
  send(frame: string | Uint8Array): void;
  /** What is sent and not yet handed to the operating system, in bytes. */
  pendingBytes(): number;
  /** From now on it gets what is announced in the workspace. */
  subscribe(): void;
  /** From now on it is told who comes and goes. */
  subscribePresence(): void;
  close(code: number, reason: string): void;
}

export interface SessionObserver {
  /** A message with so many ops and bytes came in. */
  ops(count: number, bytes: number): void;
  acked(count: number, durability: Durability): void;
  rejected(reason: string): void;
}

/** What one connection may send. */
export interface SessionLimits {
  /** Ops, and other messages; infinite: no limit. */
  readonly opsPerSecond: number;
  /** At once, after a rest. */
  readonly opsBurst: number;
  readonly maxPresenceBytes: number;
}

interface SessionOptions {
  readonly sessionId: string;
  readonly userId: string;
  readonly access: Access;
  readonly workspaceId: WorkspaceId;
  /** Takes many ops in one frame. */
  readonly batched: boolean;
  /** Where it shows that it is there; undefined where it does not want to, nor know of others. */
  readonly presence: Presence | undefined;
  readonly limits: SessionLimits;
  readonly verifier: TokenVerifier;
  readonly observer: SessionObserver;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** One connection: its frames in and out, its rights, its bounds. */
export class Session implements Subscriber {
  readonly sessionId: string;
  readonly userId: string;
  readonly workspaceId: WorkspaceId;
  readonly #verifier: TokenVerifier;
  readonly #observer: SessionObserver;
  readonly #now: () => number;
  readonly #batched: boolean;
  readonly #presence: Presence | undefined;
  readonly #limits: SessionLimits;
  readonly #rate: TokenBucket;
  #access: Access;
  #workspace: Workspace | undefined;
  #socket: SessionSocket | undefined;
  /** The heads that it was sent, while it does not yet get what comes after them. */
  #behindAt: readonly string[] | undefined;
  /** It has all that happened before now, and gets what happens. */
  #isCaughtUp = false;
  /** Frames that came before that. */
  readonly #held: { text: string; bytes: number }[] = [];
  #heldBytes = 0;
  readonly #acks = new PendingAcks();
  #badFrames = 0;
  #badFramesSince = 0;

  constructor(options: SessionOptions) {
    this.sessionId = options.sessionId;
    this.userId = options.userId;
    this.workspaceId = options.workspaceId;
    this.#batched = options.batched;
    this.#presence = options.presence;
    this.#limits = options.limits;
    this.#rate = new TokenBucket(options.limits.opsPerSecond, options.limits.opsBurst, options.now());
    this.#access = options.access;
    this.#verifier = options.verifier;
    this.#observer = options.observer;
    this.#now = options.now;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Unix seconds at which the token ends, or undefined where it does not. */
  get expiresAt(): number | undefined {
    return this.#access.expiresAt;
  }

  /** The socket is open: sends the state, or what changed since `heads`, and from there on what others write. */
  async opened(socket: SessionSocket, workspace: Workspace, heads: readonly string[]): Promise<void> {
    this.#socket = socket;
    this.#workspace = workspace;
    const { strategy } = workspace;
    const changes = heads.length === 0 ? null : strategy.since(heads);
    if (changes !== null) {
      socket.send(
        `{"type":"delta","ops":[${changes.map(eventText).join(',')}],${this.#about(strategy, strategy.heads())}}`,
      );
      this.#sentState(socket, strategy.heads());
      return;
    }
    const whole = await workspace.wholes.recent();
    if (!this.isOpen) return;
    socket.send(
      Buffer.concat([
        Buffer.from('{"type":"init","data":'),
        whole.data,
        Buffer.from(`,${this.#about(strategy, whole.heads)}}`),
      ]),
    );
    this.#sentState(socket, whole.heads);
  }

  /** All that was sent has been handed to the operating system. */
  drained(): void {
    this.#catchUp();
  }

  closed(): void {
    this.#socket = undefined;
    this.#presence?.leave(this.workspaceId, this.sessionId);
  }

  send(frame: string): void {
    this.#socket?.send(frame);
  }

  close(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  correct({ singles, batch }: Announcement): void {
    if (this.#batched) this.send(batch());
    else for (const frame of singles()) this.send(frame);
  }

  /** A text frame of so many bytes came in. */
  received(text: string, bytes: number): void {
    if (!this.isOpen) return; // it has been told to go, and is on its way
    if (!this.#isCaughtUp) this.#hold(text, bytes);
    else this.#process(text, bytes);
  }

  /** A frame that is no text came in. */
  receivedBinary(): void {
    this.#refuseFrame('binary frames are not part of this protocol: send JSON text', undefined);
  }

  /** The token has ended. */
  expire(): void {
    this.close(CLOSE.tokenExpired, 'token expired');
  }

  /** A client is answered once it has what the answers build on: its state, and all that has happened since. */
  #hold(text: string, bytes: number): void {
    this.#held.push({ text, bytes });
    this.#heldBytes += bytes;
    if (this.#heldBytes > MAX_HELD_BYTES) this.close(CLOSE.tooSlow, 'too slow: read what you were sent first');
  }

  #process(text: string, bytes: number): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      this.#refuseFrame('the frame is not JSON', undefined);
      return;
    }
    const frame = clientFrame.safeParse(parsed);
    if (frame.success) this.#handle(frame.data, bytes);
    else this.#refuseFrame(problemOf(frame.error), idOf(parsed));
  }

  /** The state at these heads is on its way. */
  #sentState(socket: SessionSocket, heads: readonly string[]): void {
    this.#behindAt = heads;
    if (socket.pendingBytes() <= JOIN_PENDING_BYTES) this.#catchUp();
  }

  /** What happened while the state was made and sent goes out, and then what happens does as it happens. */
  #catchUp(): void {
    if (this.#behindAt === undefined || this.#workspace === undefined) return;
    const { strategy } = this.#workspace;
    const changes = strategy.since(this.#behindAt);
    if (changes === null) {
      this.close(CLOSE.tooSlow, 'too slow: more has changed than is remembered since its state was sent');
      return;
    }
    this.#behindAt = undefined;
    if (changes.length > 0) this.correct(announcementOf(changes, SYSTEM_USER, strategy.heads()));
    if (this.#socket === undefined) return; // what it was sent was too much for it
    this.#socket.subscribe();
    this.#appear(this.#socket);
    this.#isCaughtUp = true;
    for (const { text, bytes } of this.#held.splice(0)) this.#process(text, bytes);
  }

  /** What the first frame says besides the state, as members of a JSON object. */
  #about({ name }: Strategy, heads: readonly string[]): string {
    return JSON.stringify({
      heads,
      workspace_id: this.workspaceId,
      strategy: name,
      session_id: this.sessionId,
      user_id: this.userId,
      scopes: [...this.#access.scopes],
      expires_at: this.#access.expiresAt ?? null,
    }).slice(1, -1);
  }

  /** Tells the others that it is there, and it who is, as soon as other pods have had time to say. */
  #appear(socket: SessionSocket): void {
    const presence = this.#presence;
    if (presence === undefined) return;
    presence.join(this.workspaceId, this.userId, this.sessionId);
    const show = () => {
      if (!this.isOpen) return;
      socket.send(`{"type":"presence","snapshot":${presence.membersText(this.workspaceId)}}`);
      socket.subscribePresence();
    };
    const opening = presence.opening(this.workspaceId);
    if (opening === undefined) show();
    else void opening.then(show);
  }

  #handle(frame: ClientFrame, bytes: number): void {
    const isOp = frame.type === 'op' || frame.type === 'ops';
    const count = frame.type === 'ops' ? frame.payload.length : frame.type === 'auth' ? AUTH_COST : 1;
    if (isOp) this.#observer.ops(count, bytes);
    const id = isOp ? frame.id : undefined;
    if (!this.#passes(this.#rate, count, 'this connection', id)) return;
    switch (frame.type) {
      case 'op':
        this.#submit([toOp(frame.payload)], frame.id);
        return;
      case 'ops':
        this.#submit(frame.payload.map(toOp), frame.id);
        return;
      case 'presence':
        this.#show(frame);
        return;
      case 'ping':
        this.send('{"type":"pong"}');
        return;
      case 'auth':
        void this.#renew(frame.token);
    }
  }

  #submit(ops: readonly Op[], id: string | undefined): void {
    const workspace = this.#workspace;
    if (!this.#access.scopes.has('write')) {
      this.#refuse('permission_denied', "missing 'write' scope", id);
    } else if (workspace !== undefined && this.#passes(workspace.rate, ops.length, 'this workspace', id)) {
      workspace.submit({
        author: { userId: this.userId, scopes: this.#access.scopes, claims: this.#access.claims },
        id,
        ops,
        origin: this,
        settle: (outcome) => this.#settle(outcome, id, ops.length),
      });
    }
  }

  /** Where too much comes, its sender is sent away: what it has not been told of was not taken. */
  #passes(rate: TokenBucket, count: number, what: string, id: string | undefined): boolean {
    const now = this.#now();
    if (rate.take(count, now)) return true;
    this.#refuse('too_fast', `more comes over ${what} than it may take`, id);
    this.close(CLOSE.tooFast, JSON.stringify({ retry_after_ms: rate.waitMs(now) }));
    return false;
  }

  #show({ payload, status }: Extract<ClientFrame, { type: 'presence' }>): void {
    const { maxPresenceBytes } = this.#limits;
    if (payload !== undefined && Buffer.byteLength(JSON.stringify(payload)) > maxPresenceBytes) {
      this.#refuse('too_large', `payload: presence may have at most ${maxPresenceBytes} bytes`, undefined);
    } else if (this.#workspace !== undefined && this.#passes(this.#workspace.rate, 1, 'this workspace', undefined)) {
      this.#presence?.update(this.workspaceId, this.sessionId, { payload, status });
    }
  }

  #settle(outcome: Outcome, id: string | undefined, count: number): void {
    if (!outcome.ok) {
      this.flushAcks(); // what was sent before is answered before
      if (outcome.rejection === undefined) this.#refuse(outcome.code, outcome.message, id);
      else {
        this.#observer.rejected(outcome.rejection.code);
        this.send(rejectFrame(outcome.rejection, id));
      }
      return;
    }
    if (this.#acks.isEmpty) queueMicrotask(() => this.flushAcks());
    this.#acks.add(id, count, outcome.heads);
  }

  /** One ack frame a commit, whatever the number of messages in it. */
  flushAcks(): void {
    if (this.#acks.isEmpty) return;
    const { ids, count, heads } = this.#acks.take();
    const durability = this.#workspace?.durability ?? 'local';
    this.#observer.acked(count, durability);
    this.send(`{"type":"ack",${ackText(ids, count, heads, durability)}}`);
  }

  async #renew(token: string): Promise<void> {
    let access: Access;
    try {
      access = await this.#verifier.verify(token);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      this.#refuse(error.code === 'forbidden' ? 'permission_denied' : error.code, error.message, undefined);
      return;
    }
    if (access.userId !== this.#access.userId) {
      this.#refuse('permission_denied', 'the new token is of another user', undefined);
    } else if (!access.scopes.has('read') || !mayOpen(access, this.workspaceId)) {
      this.#refuse('permission_denied', 'the new token gives no right to this workspace', undefined);
    } else {
      this.#access = access;
      this.send(JSON.stringify({ type: 'auth', expires_at: access.expiresAt ?? null }));
    }
  }

  #refuse(code: ErrorCode, message: string, id: string | undefined): void {
    this.#observer.rejected(code);
    this.send(errorFrame(code, message, id));
  }

  #refuseFrame(message: string, id: string | undefined): void {
    const now = this.#now();
    if (now - this.#badFramesSince > 60_000) {
      this.#badFramesSince = now;
      this.#badFrames = 0;
    }
    this.#badFrames += 1;
    this.#refuse('bad_request', message, id);
    if (this.#badFrames >= LIMITS.badFramesPerMinute) this.close(CLOSE.badFrames, 'too many bad frames');
  }
}
