import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import type { NatsClient } from '../../replication/nats-client.ts';
import { maxRequestBytes, request } from '../../replication/requests.ts';
import { type Outcome, UNAVAILABLE } from '../turn/submission.ts';
import type { Forwarded, Home } from './home.ts';
import { decodeOutcomes, encodeHomeRequest, type HomeRequest } from './home-message.ts';

const TOO_LARGE: Outcome = {
  ok: false,
  code: 'too_large',
  message: 'the message is larger than what can be sent to the home region of the workspace: send it in parts',
};

/** A home region that is reached through NATS. */
export class RemoteHome implements Home {
  readonly #nats: NatsClient;
  readonly #subject: string;

  constructor(nats: NatsClient, subject: string) {
    this.#nats = nats;
    this.#subject = subject;
  }

  async submit(workspace: WorkspaceId, messages: readonly Forwarded[]): Promise<Outcome[]> {
    const bytes = encodeHomeRequest({ kind: 'submit', workspace, messages });
    const [first] = messages;
    if (bytes.length <= maxRequestBytes(this.#nats)) {
      return decodeOutcomes(await request(this.#nats, this.#subject, bytes));
    }
    if (first === undefined || messages.length === 1) return [TOO_LARGE];
    const half = messages.length >> 1;
    const before = await this.submit(workspace, messages.slice(0, half));
    return [...before, ...(await this.submit(workspace, messages.slice(half)))];
  }

  configure(workspace: WorkspaceId, settings: WorkspaceSettings): Promise<Outcome> {
    return this.#ask({ kind: 'configure', workspace, settings });
  }

  delete(workspace: WorkspaceId): Promise<Outcome> {
    return this.#ask({ kind: 'delete', workspace });
  }

  async #ask(asked: HomeRequest): Promise<Outcome> {
    const [outcome] = decodeOutcomes(await request(this.#nats, this.#subject, encodeHomeRequest(asked)));
    return outcome ?? UNAVAILABLE;
  }
}
