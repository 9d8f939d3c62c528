import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { ImmutableString } from '@automerge/automerge-repo';
import { RepoClient } from './repo-sync-client.ts';
import { RepoSyncEdits } from './repo-sync-edits.ts';
import { begin, type ClientPlan, clientPlan, type Report } from './repo-sync-messages.ts';
import { warmUp } from './repo-sync-warm-up.ts';

// A process of automerge-repo clients; its plan is JSON in the first argument.

const KEYS_PER_CHANGE = 10;

async function seed({ server, documents, keys, valueBytes }: Extract<ClientPlan, { task: 'seed' }>) {
  const author = await RepoClient.connect(server);
  const reader = await RepoClient.connect(server);
  const urls: string[] = [];
  while (urls.length < documents) {
    const document = author.repo.create<Record<string, unknown>>({ made: true });
    for (let key = 0; key < keys; key += KEYS_PER_CHANGE) {
      document.change((doc) => {
        fill(doc, key, Math.min(keys, key + KEYS_PER_CHANGE), valueBytes);
      });
    }
    urls.push(document.url);
  }
  for (const url of urls) await untilFound(reader, url, keys + 1);
  report({ type: 'seeded', documents: urls });
}

/** A server has a document some time after the client that made it. */
async function untilFound(reader: RepoClient, url: string, keys: number): Promise<void> {
  const sizeOf = async () => {
    try {
      return Object.keys((await reader.find(url)).doc()).length;
    } catch {
      return 0; // it is not there as yet
    }
  };
  while ((await sizeOf()) < keys) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Gives a value to the keys from `first` on, up to the one before `end`. */
function fill(doc: Record<string, unknown>, first: number, end: number, valueBytes: number): void {
  for (let key = first; key < end; key += 1) doc[`key-${key}`] = text(valueBytes);
}

/** Which says nothing about the next one, so that it cannot be compressed much. */
function text(bytes: number): ImmutableString {
  return new ImmutableString(
    randomBytes(Math.ceil((bytes * 3) / 4))
      .toString('base64')
      .slice(0, bytes),
  );
}

async function edit(plan: Extract<ClientPlan, { task: 'edit' }>) {
  const edits = new RepoSyncEdits(plan);
  await edits.connect();
  report(await edits.run(await toBegin()));
}

async function join({ server, document, clients, keys, valueBytes }: Extract<ClientPlan, { task: 'join' }>) {
  warmUp(clients, (doc) => fill(doc, 0, keys, valueBytes));
  const connected = await Promise.all(Array.from({ length: clients }, () => RepoClient.connect(server)));
  await toBegin();
  const before = process.cpuUsage();
  const start = performance.now();
  const times = await Promise.all(
    connected.map(async (client) => {
      const found = Object.keys((await client.find(document)).doc()).length;
      if (found < keys) throw new Error(`a client was given ${found} of ${keys} keys`);
      return performance.now() - start;
    }),
  );
  const { user, system } = process.cpuUsage(before);
  report({ type: 'joined', times, cpuSeconds: (user + system) / 1e6 });
}

async function toBegin() {
  const message = once(process, 'message');
  report({ type: 'ready' });
  return begin.parse((await message)[0]);
}

function report(message: Report): void {
  process.send?.(message);
}

// The one that has started it is gone.
process.once('disconnect', () => process.exit());
const plan = clientPlan.parse(JSON.parse(process.argv[2] ?? ''));
if (plan.task === 'seed') await seed(plan);
else if (plan.task === 'edit') await edit(plan);
else await join(plan);
