import type { WorkspaceId } from '@etherply/protocol';
import type { NatsClient } from './nats-client.ts';

const USUAL_MAX_PAYLOAD = 1 << 20;

/** Plain messages of NATS, a subject for each workspace: who listens gets them, and nobody keeps them. */
export class NatsBus {
  readonly #nats: NatsClient;
  readonly #subjectOf: (workspace: WorkspaceId) => string;

  constructor(nats: NatsClient, subjectOf: (workspace: WorkspaceId) => string) {
    this.#nats = nats;
    this.#subjectOf = subjectOf;
  }

  get isConnected(): boolean {
    return this.#nats.problem === undefined;
  }

  /** The most bytes that a message may have. */
  get maxBytes(): number {
    return this.#nats.connection?.info?.max_payload ?? USUAL_MAX_PAYLOAD;
  }

  /** What is sent while there is no connection is lost, and so is what the server does not take. */
  publish(workspace: WorkspaceId, bytes: Uint8Array): void {
    const { connection } = this.#nats;
    if (connection === undefined || connection.isClosed() || !this.isConnected || bytes.length > this.maxBytes) return;
    connection.publish(this.#subjectOf(workspace), bytes);
  }

  /** Every message about a workspace, as long as there is a connection. Gives what ends it. */
  subscribe(workspace: WorkspaceId, received: (bytes: Uint8Array) => void): () => void {
    return this.#nats.subscribe(this.#subjectOf(workspace), ({ data }) => received(data));
  }

  /** Called with every connection from now on, at first or again. */
  onConnected(connected: () => void): void {
    this.#nats.observe({ connected, disconnected: () => {} });
  }
}
