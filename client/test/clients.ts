import { type Client, type ClientEvents, type ClientOptions, connect } from '@etherply/client';
import { WebSocket } from 'ws';

const opened = new Set<Client>();

/** A client that tries again quickly and is closed at the end of the test. */
export function open(options: Partial<ClientOptions> & { url: string }): Client {
  const client = connect({ workspace: 'w', token: 'token', WebSocket, backoff: { minMs: 20, maxMs: 200 }, ...options });
  opened.add(client);
  return client;
}

export async function closeAll(): Promise<void> {
  await Promise.all([...opened].map((client) => client.close()));
  opened.clear();
}

/** The next such event. */
export function next<E extends keyof ClientEvents>(
  client: Client,
  event: E,
  isWanted: (value: ClientEvents[E]) => boolean = () => true,
): Promise<ClientEvents[E]> {
  return new Promise((resolve) => {
    const off = client.on(event, (value) => {
      if (!isWanted(value)) return;
      off();
      resolve(value);
    });
  });
}

/** Resolves when the condition holds, asked at each change of what the client sees. */
export async function seen(client: Client, condition: () => boolean): Promise<void> {
  while (!condition()) await next(client, 'change');
}
