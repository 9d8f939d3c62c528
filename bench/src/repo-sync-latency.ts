import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { atMost, type Bound } from './bound.ts';
import { median } from './median.ts';
import { cpuSeconds, peakMegabytes } from './process-stats.ts';
import { DRAIN_MS } from './repo-sync-edits.ts';
import { type Edited, edited, ready } from './repo-sync-messages.ts';
import { withClients } from './repo-sync-process.ts';
import { measureInTurns } from './repo-sync-rounds.ts';
import { type Contender, type RepoSyncOptions, seedDocuments, startRepoServer } from './repo-sync-server.ts';

const DOCUMENTS = 5;
const CLIENTS_EACH = 4;
const PROCESSES = 2;
const WARMUP_SECONDS = 10;
const CHANGES_PER_SECOND = 200;
/** Rates at which it is looked whether the sync server keeps up, one after the other. */
const STEPS = [500, 1000, 1500, 2000, 3000];
const STEP_SECONDS = 4;
/** Who keeps up has no backlog that grows: changes are seen within this time, and so many of them at all. */
const BACKLOG_MS = 2000;
const SEEN = 0.99;

interface EditResult {
  /** Microseconds of the server's CPU for each change. */
  readonly serverCpu: number;
  readonly peakMegabytes: number;
  /** Of what was to be seen at other clients, the share that was. */
  readonly seen: number;
  /** From a change until another client saw it, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Documents edited by several clients each, at a rate that both servers can carry. */
export async function editBounds(options: RepoSyncOptions): Promise<Bound[]> {
  options.progress(`${DOCUMENTS} documents × ${CLIENTS_EACH} clients, ${CHANGES_PER_SECOND} changes/s in all`);
  const measure = (contender: Contender) => measureEdits(contender, CHANGES_PER_SECOND, options);
  const ratio = await measureInTurns(options.rounds, measure);
  return [
    atMost(
      1 / 5,
      'edits, server CPU',
      ratio(({ serverCpu }) => serverCpu),
      '× the sync server',
    ),
    atMost(
      1 / 5,
      'edits, p50 to others',
      ratio(({ p50 }) => p50),
      '× the sync server',
    ),
  ];
}

/** How EtherPly does at a rate that is too much for the sync server: the first of some at which it does not keep up. */
export async function rateBound(options: RepoSyncOptions): Promise<Bound> {
  options.progress(`the rate that is too much for the sync server: p99 above ${BACKLOG_MS} ms, or changes unseen`);
  for (const rate of STEPS) {
    const step = { ...options, seconds: STEP_SECONDS };
    if (keepsUp(await measureEdits('sync-server', rate, step))) continue;
    const rounds: EditResult[] = [];
    while (rounds.length < options.rounds) rounds.push(await measureEdits('etherply', rate, options));
    const p99s = rounds.map(({ p99, seen }) => (seen < SEEN ? withUnseen(p99) : p99));
    return atMost(250, `p99 at ${rate} changes/s`, median(p99s), 'ms');
  }
  throw new Error(`the sync server keeps up with ${STEPS.at(-1)} changes/s`);
}

/** What was never seen has no time: it took longer than was waited for. */
function withUnseen(ms: number): number {
  return Math.max(ms, DRAIN_MS);
}

function keepsUp({ p99, seen }: EditResult): boolean {
  return p99 <= BACKLOG_MS && seen >= SEEN;
}

async function measureEdits(contender: Contender, rate: number, options: RepoSyncOptions): Promise<EditResult> {
  const server = await startRepoServer(contender, options);
  try {
    const { pid } = server.server;
    const documents = await seedDocuments(server, { documents: DOCUMENTS, keys: 0, valueBytes: 0 });
    const plan = {
      task: 'edit' as const,
      server: server.url,
      documents: [...documents],
      clientsEach: CLIENTS_EACH / PROCESSES,
      changesPerSecond: rate / PROCESSES,
    };
    return await withClients(
      Array.from({ length: PROCESSES }, () => plan),
      async (processes) => {
        for (const one of processes) await one.report(ready);
        const from = Math.floor((performance.timeOrigin + performance.now() + WARMUP_SECONDS * 1000) * 1000);
        for (const one of processes) one.begin({ from, to: from + options.seconds * 1e6 });
        await new Promise((resolve) => setTimeout(resolve, WARMUP_SECONDS * 1000));
        const before = cpuSeconds(pid);
        await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000));
        const cpu = cpuSeconds(pid) - before;
        const reports = await Promise.all(processes.map((one) => one.report(edited)));
        const peak = peakMegabytes(pid);
        return tell(contender, reports, { cpu, peak, rate }, options);
      },
    );
  } finally {
    await server.server.stop();
  }
}

function tell(
  contender: Contender,
  reports: readonly Edited[],
  { cpu, peak, rate }: { readonly cpu: number; readonly peak: number; readonly rate: number },
  { seconds, progress }: RepoSyncOptions,
): EditResult {
  const sum = (pick: (report: Edited) => number) => reports.reduce((total, report) => total + pick(report), 0);
  const sent = sum((report) => report.sent);
  if (sent === 0)
    throw new Error(`no change was made in ${seconds} s: this machine is busy; measure for longer (--seconds)`);
  const latency = together(reports.map((report) => report.latency));
  const held = together(reports.map((report) => report.held));
  const late = together(reports.map((report) => report.late)).getValueAtPercentile(99) / 1000;
  const seen = sum((report) => report.seen) / (sent * (CLIENTS_EACH - 1));
  const p50 = latency.getValueAtPercentile(50) / 1000;
  const result = {
    serverCpu: (cpu / sent) * 1e6,
    peakMegabytes: peak,
    seen,
    p50: seen < 0.5 ? withUnseen(p50) : p50,
    p99: latency.getValueAtPercentile(99) / 1000,
  };
  const losses = sum((report) => report.losses);
  const states = new Set(reports.flatMap(({ heads }) => heads)).size;
  progress(
    `${contender.padEnd(12)} ${(sent / seconds).toFixed(0).padStart(5)} of ${rate} changes/s` +
      `  server ${((cpu / seconds) * 100).toFixed(0).padStart(3)}% of a core, ${result.serverCpu.toFixed(0).padStart(5)} µs a change, ${(sum((report) => report.messages) / sent).toFixed(1)} messages a change, peak ${peak.toFixed(0)} MB` +
      `  to others p50 ${result.p50.toFixed(1)} p99 ${result.p99.toFixed(1)} ms, ${(result.seen * 100).toFixed(1)}% seen` +
      `${losses > 0 ? `, ${losses} connections lost` : ''}` +
      `${states > DOCUMENTS ? ', clients have not come together' : ''}` +
      `  (clients ${((sum((report) => report.cpuSeconds) / seconds) * 100).toFixed(0)}% of a core; they hold a change p50 ${(held.getValueAtPercentile(50) / 1000).toFixed(1)} ms, and make it up to ${late.toFixed(0)} ms late)`,
  );
  return result;
}

function together(encoded: readonly string[]): Histogram {
  const all = build({ highestTrackableValue: 60_000_000 });
  for (const one of encoded) all.add(decodeFromCompressedBase64(one));
  return all;
}
