import { createHash } from 'node:crypto';
import * as A from '@automerge/automerge';
import { type BinaryDocumentId, interpretAsDocumentId } from '@automerge/automerge-repo';
import { Decoder, Encoder } from 'cbor-x';
import { z } from 'zod';
import type { ClientEvents, ClientIdentity, Protocol, ProtocolClient } from './protocol.ts';

const FORM = { useRecords: false, tagUint8Array: false };
const encoder = new Encoder(FORM);
const decoder = new Decoder(FORM);

const message = z.object({
  type: z.string(),
  senderId: z.string().optional(),
  message: z.string().optional(),
  data: z.instanceof(Uint8Array).optional(),
});

/**
 * automerge-repo's, version 1, with Automerge's own sync messages, each for one change: without the stock client's `Repo`, which
 * holds changes for up to 100 ms.
 */
export const automergeRepo: Protocol = {
  client: (identity, events) => new AutomergeRepoClient(identity, events),
  credit: 'delivery',
  // More would only wait at the server, for tens of seconds.
  window: 1,
  beyondWindow: 'waits',
};

class AutomergeRepoClient implements ProtocolClient {
  readonly #events: ClientEvents;
  readonly #n: number;
  readonly #peer: string;
  readonly #document: string;
  #doc = A.init<Record<string, unknown>>();
  #state = A.initSyncState();
  #server = '';
  #isReady = false;

  constructor({ workspace, n }: ClientIdentity, events: ClientEvents) {
    this.#n = n;
    this.#peer = `client-${workspace}-${n}`;
    this.#document = documentOf(workspace);
    this.#events = events;
  }

  path() {
    return '/';
  }

  hello() {
    const join = { type: 'join', senderId: this.#peer, peerMetadata: {}, supportedProtocolVersions: ['1'] };
    return [encoder.encode(join)];
  }

  write(dueAt: number): Uint8Array | undefined {
    this.#doc = A.change(this.#doc, (doc) => {
      doc[`key-${this.#n}`] = dueAt;
    });
    return this.#sync('sync');
  }

  receive(frame: Buffer): void {
    const received = message.parse(decoder.decode(frame));
    if (received.type === 'peer') this.#joined(received.senderId ?? '');
    else if (received.type === 'sync' && received.data !== undefined) this.#synced(received.data);
    else if (received.type === 'error') throw new Error(`the server answered ${received.message}`);
  }

  #joined(server: string): void {
    this.#server = server;
    // The first client of a workspace makes its document; others ask for it, and have it when it is there.
    if (this.#n === 0) {
      this.#doc = A.change(this.#doc, (doc) => {
        doc.made = true;
      });
    }
    const first = this.#sync(this.#n === 0 ? 'sync' : 'request');
    if (first !== undefined) this.#events.send(first);
  }

  #synced(data: Uint8Array): void {
    const before = A.getHeads(this.#doc);
    [this.#doc, this.#state] = A.receiveSyncMessage(this.#doc, this.#state, data);
    if (this.#isReady) for (const change of A.getChangesSince(this.#doc, before)) this.#took(change);
    const answer = this.#sync('sync');
    if (answer !== undefined) this.#events.send(answer);
    if (this.#isReady || this.#doc.made !== true || (this.#state.theirHeads ?? []).length === 0) return;
    this.#isReady = true;
    this.#events.ready();
  }

  #took(change: Uint8Array): void {
    for (const op of A.decodeChange(change).ops) {
      if (op.action !== 'set' || typeof op.value !== 'number' || op.key === undefined) continue;
      const writer = Number(op.key.slice(4));
      if (writer !== this.#n) this.#events.delivered(writer, op.value);
    }
  }

  #sync(type: 'sync' | 'request'): Uint8Array | undefined {
    const [state, data] = A.generateSyncMessage(this.#doc, this.#state);
    this.#state = state;
    if (data === null) return undefined;
    const head = { senderId: this.#peer, targetId: this.#server, documentId: this.#document };
    return encoder.encode({ type, ...head, data });
  }
}

/** The same for all clients of a workspace: a UUID, of the version that the server takes for one. */
function documentOf(workspace: number): string {
  const bytes = createHash('sha256').update(`bench-${workspace}`).digest().subarray(0, 16);
  bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return interpretAsDocumentId(new Uint8Array(bytes) as BinaryDocumentId);
}
