import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { parseWorkspaceId, type WorkspaceId } from '@etherply/protocol';
import type { EventType } from '../../src/webhooks/event.ts';
import { Webhooks, type WebhooksOptions } from '../../src/webhooks/webhooks.ts';

export const SECRET = 'a secret of webhooks';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly event: {
    readonly id: string;
    readonly type: EventType;
    readonly time: string;
    readonly workspace_id: string;
    readonly data: { readonly heads?: string[]; readonly ops?: number; readonly user_ids?: string[] };
  };
  /** On the clock of `performance`. */
  readonly at: number;
}

export type Answer = (response: ServerResponse, request: Received) => void;

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(code, headers).end('said the receiver');
}

/** Never answers. */
export const hang: Answer = () => {};

/** An HTTP server on loopback that keeps what it got, and answers as it is told. */
export class Receiver {
  readonly requests: Received[] = [];
  /** All sockets that there ever were. */
  readonly sockets: Socket[] = [];
  /** How many requests have neither a whole answer nor lost their socket. */
  open = 0;
  answer: Answer;
  readonly #server: Server;

  private constructor(answer: Answer) {
    this.answer = answer;
    this.#server = createServer(async (request, response) => {
      const at = performance.now();
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      const received = { path: request.url ?? '', headers: request.headers, text, event: JSON.parse(text), at };
      this.requests.push(received);
      this.open += 1;
      response.on('close', () => {
        this.open -= 1;
      });
      this.answer(response, received);
    });
    this.#server.on('connection', (socket) => this.sockets.push(socket));
  }

  static async start(answer: Answer = status(200)): Promise<Receiver> {
    const receiver = new Receiver(answer);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the receiver does not listen');
    return `http://127.0.0.1:${address.port}/hook`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Webhooks, and what their observer was told: `delivered doc.updated`, `failed doc.updated http_400`. */
export class Sender {
  readonly webhooks: Webhooks;
  readonly told: string[] = [];

  constructor(url: string, options: Partial<WebhooksOptions> = {}) {
    this.webhooks = new Webhooks({
      url,
      secret: SECRET,
      coalesceMs: 1,
      firstRetryMs: 1,
      lastRetryMs: 5,
      observer: {
        delivered: (type) => this.told.push(`delivered ${type}`),
        failed: (type, reason) => this.told.push(`failed ${type} ${reason}`),
        retried: (type, reason) => this.told.push(`retried ${type} ${reason}`),
        dropped: (type) => this.told.push(`dropped ${type}`),
      },
      ...options,
    });
  }

  /** How often the observer was told something that starts like this. */
  count(start: string): number {
    return this.told.filter((one) => one.startsWith(start)).length;
  }

  connect(workspace = 'demo', sessionId = 's1'): void {
    this.webhooks.connected({ workspaceId: workspaceId(workspace), userId: 'alice', sessionId });
  }

  update(workspace = 'demo', ops = 1, head = 'h', ...users: string[]): void {
    this.webhooks.updated({ workspaceId: workspaceId(workspace), heads: [head], ops, users });
  }

  /** Resolves when everything is delivered or given up. */
  async idle(): Promise<void> {
    await until(() => this.webhooks.queued === 0);
  }
}

export function workspaceId(text: string): WorkspaceId {
  const id = parseWorkspaceId(text);
  if (id === undefined) throw new Error(`${text} is no id of a workspace`);
  return id;
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
