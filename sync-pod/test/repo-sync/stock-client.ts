import { type PeerId, Repo, type StorageAdapterInterface } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { WebSocket } from 'ws';
import { type Pod, token, until } from '../pod.ts';

const RETRY_MS = 200;

interface ClientOptions {
  readonly claims?: Record<string, unknown>;
  readonly path?: string;
  readonly peerId?: string;
  /** Where it keeps its documents; they are in memory alone where that is unset. */
  readonly storage?: StorageAdapterInterface;
  /** It asks which heads others have. */
  readonly gossips?: boolean;
}

/**
 * In Node it throws errors where nobody can catch them: of a socket that it has given up, and others; it tries again all the same.
 * A socket that has yet to connect when it tries again, it leaves open, and takes another one.
 */
class QuietAdapter extends WebSocketClientAdapter {
  override onError = () => {};

  override connect(...identity: Parameters<WebSocketClientAdapter['connect']>): void {
    if (this.socket?.readyState === WebSocket.CONNECTING) return;
    super.connect(...identity);
    if (this.socket instanceof WebSocket) this.socket.on('error', () => {});
  }
}

/** A client of automerge-repo as applications have it. */
export class StockClient {
  readonly repo: Repo;
  readonly #adapter: WebSocketClientAdapter;

  private constructor(url: string, { peerId, storage, gossips = false }: ClientOptions) {
    this.#adapter = new QuietAdapter(url, RETRY_MS);
    this.repo = new Repo({
      network: [this.#adapter],
      enableRemoteHeadsGossiping: gossips,
      ...(storage !== undefined && { storage }),
      ...(peerId !== undefined && { peerId: peerId as PeerId }),
    });
  }

  static async connect(pod: Pod, options: ClientOptions = {}): Promise<StockClient> {
    const { claims, path = '/v1/repo' } = options;
    const url = `${pod.url(path).replace('http', 'ws')}?token=${await token(claims)}`;
    const client = new StockClient(url, options);
    // It calls itself ready after a second also without, and finds no document then.
    await until(async () => client.repo.peers.length > 0);
    return client;
  }

  /** The one that it has now. */
  get socket(): WebSocket {
    const { socket } = this.#adapter;
    if (!(socket instanceof WebSocket)) throw new Error('it has no socket');
    return socket;
  }

  /** The pod must be there: the adapter cannot be ended while it connects. */
  async end(): Promise<void> {
    await until(async () => this.#adapter.socket?.readyState === WebSocket.OPEN);
    await this.repo.shutdown();
  }
}

/** Resolves when clients have sent nothing for a while, with the bytes that they have sent. */
export async function quiet(pod: Pod): Promise<number> {
  let bytes = -1;
  let isSame = 0;
  await until(async () => {
    const now = await pod.metric('etherply_received_bytes_total');
    isSame = now === bytes ? isSame + 1 : 0;
    bytes = now;
    return isSame === 20;
  });
  return bytes;
}
