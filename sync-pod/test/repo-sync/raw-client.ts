import { encodeChange, encodeSyncMessage } from '@automerge/automerge';
import { type DocumentId, parseAutomergeUrl, Repo } from '@automerge/automerge-repo';
import { Encoder } from 'cbor-x';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { type Pod, token, until } from '../pod.ts';

export const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const answer = z.looseObject({ type: z.string() });

/** A client that sends what it likes. */
export class RawClient {
  readonly #socket: WebSocket;
  readonly heard: z.infer<typeof answer>[] = [];
  closeCode: number | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.heard.push(answer.parse(cbor.decode(data))));
    socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  static async connect(pod: Pod, claims: Record<string, unknown> = {}): Promise<RawClient> {
    const url = `${pod.url('/v1/repo').replace('http', 'ws')}?token=${await token(claims)}`;
    const socket = new WebSocket(url);
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return client;
  }

  static async joined(pod: Pod, senderId = 'raw', sub = 'alice', claims: object = {}): Promise<RawClient> {
    const client = await RawClient.connect(pod, { sub, ...claims });
    client.send({ type: 'join', senderId, peerMetadata: {}, supportedProtocolVersions: ['1'] });
    await client.hears('peer');
    return client;
  }

  send(message: unknown): void {
    this.sendFrame(cbor.encode(message));
  }

  sendFrame(frame: Uint8Array | string): void {
    this.#socket.send(frame);
  }

  sync(documentId: string, data: Uint8Array, type = 'sync'): void {
    this.send({ type, senderId: 'raw', targetId: 'pod', documentId, data });
  }

  async hears(type: string): Promise<z.infer<typeof answer>> {
    await until(async () => this.heard.some((one) => one.type === type) || this.closeCode !== undefined);
    const found = this.heard.find((one) => one.type === type);
    if (found === undefined) throw new Error(`closed with ${this.closeCode}`);
    return found;
  }

  async closed(): Promise<number> {
    await until(async () => this.closeCode !== undefined);
    return this.closeCode ?? 0;
  }

  close(): void {
    this.#socket.close();
  }
}

/** A sync message with these changes. */
export function bringing(changes: Uint8Array[], heads: string[]): Uint8Array {
  return encodeSyncMessage({ heads, need: [], have: [], changes });
}

/** A change as no library makes it: the library's own types know only those that one does. */
export function oddChange(header: object, ...ops: object[]): Uint8Array {
  const usual = { actor: '22'.repeat(16), author: null, seq: 1, startOp: 20, time: 0, message: null };
  return encodeChange({ ...usual, ...header, ops } as Parameters<typeof encodeChange>[0]);
}

/** A document that nobody has. */
export const newId = (): DocumentId => parseAutomergeUrl(new Repo().create().url).documentId;
