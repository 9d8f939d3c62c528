import { decodeSyncMessage } from '@automerge/automerge';
import { type DocHandle, isValidAutomergeUrl, Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';

/** A client that is connected. */
export class RepoClient {
  readonly repo: Repo;
  readonly #adapter: WatchedAdapter;

  private constructor(server: string) {
    this.#adapter = new WatchedAdapter(server);
    this.#adapter.on('peer-disconnected', () => {
      this.#adapter.losses += 1;
    });
    this.repo = new Repo({ network: [this.#adapter] });
  }

  static async connect(server: string): Promise<RepoClient> {
    const client = new RepoClient(server);
    await new Promise((resolve) => client.#adapter.once('peer-candidate', resolve));
    return client;
  }

  /** @throws where the server does not have it */
  find(url: string): Promise<DocHandle<Record<string, unknown>>> {
    if (!isValidAutomergeUrl(url)) throw new Error(`${url} is the URL of no document`);
    return this.repo.find<Record<string, unknown>>(url);
  }

  /** Messages that it has sent and received until now. */
  get messages(): number {
    return this.#adapter.messages;
  }

  /** How often it has lost its connection. */
  get losses(): number {
    return this.#adapter.losses;
  }

  /** Calls back whenever it sends changes. */
  onChangesSent(listener: () => void): void {
    this.#adapter.onChangesSent = listener;
  }
}

/** The stock adapter, which is watched and does what it does. */
class WatchedAdapter extends WebSocketClientAdapter {
  onChangesSent: (() => void) | undefined;
  messages = 0;
  losses = 0;

  override receiveMessage(message: Parameters<WebSocketClientAdapter['receiveMessage']>[0]): void {
    this.messages += 1;
    super.receiveMessage(message);
  }

  override send(message: Parameters<WebSocketClientAdapter['send']>[0]): void {
    this.messages += 1;
    super.send(message);
    if (this.onChangesSent === undefined || message.type !== 'sync' || !('data' in message)) return;
    if (decodeSyncMessage(message.data).changes.length > 0) this.onChangesSent();
  }
}
