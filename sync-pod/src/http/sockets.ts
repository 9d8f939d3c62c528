import type { TemplatedApp, WebSocket } from 'uWebSockets.js';
import { CLOSE, type WorkspaceId } from '@etherply/protocol';
import type { Audience } from '../presence/presence.ts';
import type { Session } from '../session/session.ts';
import type { Announcement, Broadcaster, Subscriber } from '../workspace/turn/broadcaster.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What is kept with a socket. */
export interface Connection {
  readonly session: Session;
  readonly workspace: Workspace;
  readonly heads: readonly string[];
  /** Takes many ops in one frame. */
  readonly batched: boolean;
  /** The app that it came through: topics are the app's. */
  readonly app: TemplatedApp;
  /** Gives back the place that it has among the connections. */
  readonly release: () => void;
  tooSlow: boolean;
}

/** How often it is looked whose token has ended, in milliseconds. */
const EXPIRY_MS = 500;

/** The open sockets: sends to all in a workspace, and closes many. */
export class Sockets implements Broadcaster, Audience {
  readonly #sockets = new Map<Subscriber, WebSocket<Connection>>();
  readonly #apps = new Set<TemplatedApp>();
  readonly #sent: (bytes: number) => void;
  readonly #expiry: NodeJS.Timeout;

  /** @param sent told how many bytes are sent; a broadcast counts once */
  constructor(sent: (bytes: number) => void, now: () => number) {
    this.#sent = sent;
    this.#expiry = setInterval(() => this.#expireTokens(now() / 1000), EXPIRY_MS);
    this.#expiry.unref();
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** What is sent and not yet handed to the operating system, over all sockets. */
  get pendingBytes(): number {
    let sum = 0;
    for (const ws of this.#sockets.values()) sum += ws.getBufferedAmount();
    return sum;
  }

  /** From now on, sockets may come through this app. */
  addApp(app: TemplatedApp): void {
    this.#apps.add(app);
  }

  add(ws: WebSocket<Connection>): void {
    this.#sockets.set(ws.getUserData().session, ws);
  }

  delete(session: Session): void {
    this.#sockets.delete(session);
  }

  /** Whether this is the socket of an open connection: only then may it be asked anything. */
  has(ws: WebSocket<Connection>, session: Session): boolean {
    return this.#sockets.get(session) === ws;
  }

  isHeard(workspace: WorkspaceId): boolean {
    const topics = [topicOf(workspace, false), topicOf(workspace, true)];
    return [...this.#apps].some((app) => topics.some((topic) => app.numSubscribers(topic) > 0));
  }

  announce(workspace: WorkspaceId, origin: Subscriber | undefined, { singles, batch }: Announcement): void {
    const socket = origin === undefined ? undefined : this.#sockets.get(origin);
    const originApp = socket?.getUserData().app;
    const publish = (topic: string, frames: () => readonly string[]) => {
      for (const app of this.#apps) {
        if (app.numSubscribers(topic) === 0) continue;
        // What a socket publishes it does not get itself; but it can only publish to a topic that it is subscribed to.
        const sender = socket !== undefined && app === originApp && socket.isSubscribed(topic) ? socket : app;
        for (const frame of frames()) {
          this.#sent(frame.length);
          sender.publish(topic, frame);
        }
      }
    };
    publish(topicOf(workspace, false), singles);
    publish(topicOf(workspace, true), () => [batch()]);
  }

  tell(workspace: WorkspaceId, frame: string): void {
    for (const app of this.#apps) {
      this.#sent(frame.length);
      app.publish(presenceTopicOf(workspace), frame);
    }
  }

  dismiss(workspace: WorkspaceId, code: number, reason: string): void {
    for (const session of this.#sessions()) if (session.workspaceId === workspace) session.close(code, reason);
  }

  /** Asks every client to come back, spread over `windowMs`. */
  closeAll(windowMs: number): void {
    clearInterval(this.#expiry);
    this.closeSome(this.count, windowMs);
  }

  /** Asks so many clients to come back, spread over `windowMs`: those that have been connected for longest. */
  closeSome(count: number, windowMs: number): void {
    if (count === 0) return;
    for (const session of this.#sessions().slice(0, count)) {
      session.close(CLOSE.restart, JSON.stringify({ retry_after_ms: Math.floor(Math.random() * windowMs) }));
    }
  }

  #expireTokens(nowSeconds: number): void {
    for (const session of this.#sessions()) {
      if (session.expiresAt !== undefined && session.expiresAt <= nowSeconds) session.expire();
    }
  }

  /** A copy: who is closed is taken out. */
  #sessions(): Session[] {
    return [...this.#sockets.values()].map((ws) => ws.getUserData().session);
  }
}

/** Who takes batches listens to another topic than who takes single ops. */
export function topicOf(workspace: WorkspaceId, batched: boolean): string {
  return batched ? `n ${workspace}` : `1 ${workspace}`;
}

export function presenceTopicOf(workspace: WorkspaceId): string {
  return `p ${workspace}`;
}
