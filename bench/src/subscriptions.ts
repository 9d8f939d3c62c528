import { rm } from 'node:fs/promises';
import { atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { COLLECT_GARBAGE, HEAP, leastOf } from './live-memory.ts';
import { NatsProcess } from './nats-process.ts';
import { startReplicatedPod } from './replicated-pod.ts';
import { ServerProcess } from './server-process.ts';

const WORKSPACES = 20_000;
const PARALLEL = 16;
const OPEN = 'etherply_workspaces_open';
const EXTERNAL = 'nodejs_external_memory_bytes';
const RESIDENT = 'process_resident_memory_bytes';
/** What is open stays open without a client. */
const stayOpen = { ETHERPLY_WORKSPACE_IDLE_SECONDS: '86400', ETHERPLY_MAX_IDLE_BYTES: String(2 ** 40) };

/** Bytes that an open workspace takes. */
interface Cost {
  /** In use, after a garbage collection. */
  readonly live: number;
  /** Of the resident memory. */
  readonly resident: number;
}

/** What it takes of memory that a pod follows the stream for each workspace that is open. */
export async function subscriptionBound(progress: (line: string) => void): Promise<Bound> {
  progress(`memory of ${WORKSPACES} open workspaces`);
  const nats = await NatsProcess.start();
  const writer = await startReplicatedPod(nats, stayOpen);
  await forEachWorkspace(writer, { method: 'POST', path: '/ops', body: '{"key":"key","value":"value"}' });
  const dataDir = await writer.end();
  progress('  written');
  try {
    const before = { heap: await nats.heapBytes(), subscriptions: await nats.subscriptions() };
    const following = await startReplicatedPod(nats, stayOpen, dataDir, COLLECT_GARBAGE);
    const withNats = await openingCost(following);
    const subscriptions = (await nats.subscriptions()) - before.subscriptions;
    const ofNats = ((await nats.heapBytes()) - before.heap) / subscriptions;
    await following.end();
    const alone = await ServerProcess.start(etherply, stayOpen, dataDir, COLLECT_GARBAGE);
    const without = await openingCost(alone);
    await alone.end();
    progress(`  a workspace: ${costText(withNats)} with NATS, ${costText(without)} without`);
    progress(`  nats-server: ${subscriptions} subscriptions, ${kibibytes(ofNats)} each`);
    return atMost(4, 'a live subscription', (withNats.live - without.live) / 1024, 'KiB');
  } finally {
    await nats.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Opens all, and resolves with what each of them has added. */
async function openingCost(pod: ServerProcess): Promise<Cost> {
  const before = await leastOf(pod, HEAP, EXTERNAL, RESIDENT, OPEN);
  await forEachWorkspace(pod, { method: 'GET', path: '' });
  const after = await leastOf(pod, HEAP, EXTERNAL, RESIDENT, OPEN);
  if (after[OPEN] < WORKSPACES) throw new Error(`only ${after[OPEN]} workspaces stayed open`);
  const opened = after[OPEN] - before[OPEN];
  return {
    live: (after[HEAP] + after[EXTERNAL] - before[HEAP] - before[EXTERNAL]) / opened,
    resident: (after[RESIDENT] - before[RESIDENT]) / opened,
  };
}

interface RequestParts {
  readonly method: 'GET' | 'POST';
  /** After the workspace. */
  readonly path: string;
  readonly body?: string;
}

async function forEachWorkspace(pod: ServerProcess, { method, path, body }: RequestParts): Promise<void> {
  const headers = { authorization: `Bearer ${await benchToken()}` };
  let next = 0;
  const work = async () => {
    while (next < WORKSPACES) {
      next += 1;
      const url = `http://127.0.0.1:${pod.port}/v1/workspaces/tenant-${next % 100}:${next}${path}`;
      const answer = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

function costText({ live, resident }: Cost): string {
  return `${kibibytes(live)} live, ${kibibytes(resident)} resident`;
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(2)} KiB`;
}
