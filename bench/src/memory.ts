import { atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { COLLECT_GARBAGE, HEAP, leastOf } from './live-memory.ts';
import { RawClient } from './raw-client.ts';
import { ServerProcess, until } from './server-process.ts';

const MEMORY = 'process_resident_memory_bytes';
const SETTLED_CONNECTIONS = 1000;
const CONNECTIONS = 5000;
const ROUNDS = 5;
const WORKSPACES_A_ROUND = 1000;

/** What connections that do nothing, and workspaces that nobody uses any more, take of the server's memory. */
export async function memoryBounds(progress: (line: string) => void): Promise<Bound[]> {
  return [await idleConnections(progress), await evictedWorkspaces(progress)];
}

async function idleConnections(progress: (line: string) => void): Promise<Bound> {
  progress(`memory of ${CONNECTIONS} idle connections`);
  const server = await ServerProcess.start(etherply);
  const path = (n: number) => `/v1/sync/idle-${n % 50}?token=${token}`;
  const token = await benchToken();
  const clients: RawClient[] = [];
  const openUpTo = async (count: number) => {
    while (clients.length < count) clients.push(await RawClient.open(server.port, path(clients.length)));
    return (await server.metrics(MEMORY))[MEMORY];
  };
  try {
    const before = await openUpTo(SETTLED_CONNECTIONS);
    const after = await openUpTo(CONNECTIONS);
    const kibibytes = (after - before) / (CONNECTIONS - SETTLED_CONNECTIONS) / 1024;
    return atMost(12, 'an idle connection', kibibytes, 'KiB');
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

async function evictedWorkspaces(progress: (line: string) => void): Promise<Bound> {
  progress(`memory of ${ROUNDS * WORKSPACES_A_ROUND} evicted workspaces`);
  const settings = { ETHERPLY_WORKSPACE_IDLE_SECONDS: '0' };
  const server = await ServerProcess.start(etherply, settings, undefined, COLLECT_GARBAGE);
  const headers = { authorization: `Bearer ${await benchToken()}` };
  const heapAfter: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let n = 0; n < WORKSPACES_A_ROUND; n += 1) {
        const url = `http://127.0.0.1:${server.port}/v1/workspaces/evicted-${round}-${n}/ops`;
        const body = JSON.stringify({ key: 'key', value: 'x'.repeat(1000) });
        const answer = await fetch(url, { method: 'POST', headers, body });
        if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      }
      await until(async () => (await server.metrics('etherply_workspaces_open')).etherply_workspaces_open === 0);
      heapAfter.push((await leastOf(server, HEAP))[HEAP]);
    }
  } finally {
    await server.stop();
  }
  // The first rounds compile code and fill caches.
  const [before, after] = [heapAfter.at(-3) ?? 0, heapAfter.at(-1) ?? 0];
  return atMost(1, 'an evicted workspace', (after - before) / (2 * WORKSPACES_A_ROUND) / 1024, 'KiB');
}
