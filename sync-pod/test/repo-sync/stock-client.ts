import { type PeerId, Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { type Pod, token } from '../pod.ts';

const RETRY_MS = 200;

interface ClientOptions {
  readonly claims?: Record<string, unknown>;
  readonly path?: string;
  readonly peerId?: string;
}

/** A client of automerge-repo as applications have it. */
export class StockClient {
  readonly repo: Repo;

  private constructor(url: string, peerId: string | undefined) {
    this.repo = new Repo({
      network: [new WebSocketClientAdapter(url, RETRY_MS)],
      ...(peerId !== undefined && { peerId: peerId as PeerId }),
    });
  }

  static async connect(pod: Pod, { claims, path = '/v1/repo', peerId }: ClientOptions = {}): Promise<StockClient> {
    const url = `${pod.url(path).replace('http', 'ws')}?token=${await token(claims)}`;
    const client = new StockClient(url, peerId);
    await client.repo.networkSubsystem.whenReady();
    return client;
  }

  async end(): Promise<void> {
    await this.repo.shutdown();
  }
}
