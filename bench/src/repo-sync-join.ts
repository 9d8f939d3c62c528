import { atMost, type Bound } from './bound.ts';
import { median } from './median.ts';
import { cpuSeconds, peakMegabytes } from './process-stats.ts';
import { joined, ready } from './repo-sync-messages.ts';
import { withClients } from './repo-sync-process.ts';
import { measureInTurns } from './repo-sync-rounds.ts';
import { type Contender, type RepoSyncOptions, seedDocuments, startRepoServer } from './repo-sync-server.ts';

const CLIENTS = 100;
const PROCESSES = 2;
/** With which all values are 1 MB. */
const FILLED = { keys: 1000, valueBytes: 1000 };
/** The sync server saves what it has after a while, and says nothing of it. */
const SAVE_MS = 2000;

interface JoinResult {
  /** Until all clients had the document. */
  readonly seconds: number;
  readonly peakMegabytes: number;
}

/** Many clients that open a document at once, on a server that has it on disk. */
export async function joinBounds(options: RepoSyncOptions): Promise<Bound[]> {
  options.progress(`${CLIENTS} clients join a document of 1 MB at once, after a restart of the server`);
  const ratio = await measureInTurns(options.rounds, (contender) => measureJoin(contender, options));
  return [
    atMost(
      1 / 3,
      'join, until all have it',
      ratio(({ seconds }) => seconds),
      '× the sync server',
    ),
    atMost(
      1 / 3,
      'join, peak memory',
      ratio(({ peakMegabytes: peak }) => peak),
      '× the sync server',
    ),
  ];
}

async function measureJoin(contender: Contender, options: RepoSyncOptions): Promise<JoinResult> {
  const first = await startRepoServer(contender, { profile: undefined });
  const [document] = await seedDocuments(first, { documents: 1, ...FILLED });
  if (document === undefined) throw new Error('no document was made');
  await new Promise((resolve) => setTimeout(resolve, SAVE_MS));
  const dataDir = await first.server.end();
  const { server, url } = await startRepoServer(contender, options, dataDir);
  try {
    const plan = { task: 'join' as const, server: url, document, clients: CLIENTS / PROCESSES, ...FILLED };
    return await withClients(
      Array.from({ length: PROCESSES }, () => plan),
      async (processes) => {
        for (const one of processes) await one.report(ready);
        const before = { cpu: cpuSeconds(server.pid), peak: peakMegabytes(server.pid) };
        for (const one of processes) one.begin({ from: 0, to: 0 });
        const reports = await Promise.all(processes.map((one) => one.report(joined)));
        const peak = peakMegabytes(server.pid);
        const times = reports.flatMap((report) => report.times);
        const seconds = Math.max(...times) / 1000;
        const clients = reports.reduce((sum, report) => sum + report.cpuSeconds, 0);
        options.progress(
          `${contender.padEnd(12)} all have it after ${seconds.toFixed(2)} s, half of them after ${(median(times) / 1000).toFixed(2)} s` +
            `  server ${(cpuSeconds(server.pid) - before.cpu).toFixed(2)} s of CPU, peak ${peak.toFixed(0)} MB, ${before.peak.toFixed(0)} MB before` +
            `  (clients ${clients.toFixed(2)} s of CPU)`,
        );
        return { seconds, peakMegabytes: peak };
      },
    );
  } finally {
    await server.stop();
  }
}
