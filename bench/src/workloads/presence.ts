import type { Contender } from '../contenders/contender.ts';
import { Generators, spanOf } from '../generator/generators.ts';
import { cpuSeconds, peakMegabytes } from '../process-stats.ts';
import { startServer } from './start-server.ts';
import type { Figures, MeasureOptions, Workload } from './workload.ts';

const SESSIONS = 1500;
const OBSERVERS = 10;
const AT_ONCE = 16;
const WARM_UP_MS = 3000;
/** What is due while it is measured may come until then. */
const AFTER_MS = 1000;
const KEEPS_UP = 0.95;
const WITH_PRESENCE = ['floor', 'etherply', 'hocuspocus', 'y-websocket'];

export const presence: Workload = {
  name: 'presence',
  title: 'Presence of 1,500 clients, at 1 Hz',
  how: `${SESSIONS} clients of one workspace update their presence (awareness, in Yjs) once a second each (open loop): 2,248,500 updates a second reach others; ${OBSERVERS} clients look at what comes`,
  columns: [
    { key: 'seenPerSecond', title: 'updates/s a client sees', digits: 0 },
    { key: 'serverCores', title: 'server cores', digits: 2 },
    { key: 'serverMegabytes', title: 'server MB', digits: 0 },
    { key: 'deliveryP50', title: 'delivery p50 ms', digits: 1 },
    { key: 'deliveryP99', title: 'p99', digits: 1 },
    { key: 'deliveryP999', title: 'p99.9', digits: 1 },
    { key: 'generatorCores', title: 'generator cores', digits: 2 },
  ],
  chart: 'seenPerSecond',
  slowest: 'deliveryP99',
  rounds: 1,
  lacks: ({ name }) =>
    WITH_PRESENCE.includes(name) ? undefined : 'it has nothing like it, or in another form: not measured',
  measure,
};

async function measure(contender: Contender, options: MeasureOptions): Promise<Figures> {
  const server = await startServer(contender, options);
  const { protocol } = contender;
  const crowd = { workspaces: 1, clientsEach: SESSIONS, writersEach: SESSIONS, placement: 'together' as const };
  const what = { subject: 'presence' as const, observersEach: OBSERVERS, load: { writesPerSecond: SESSIONS } };
  const query = await contender.query('presence');
  const generators = new Generators({ ...crowd, ...what, protocol, ports: [server.port], query }, options.generators);
  try {
    await generators.connect(AT_ONCE);
    await generators.tell('begin');
    await sleep(WARM_UP_MS);
    await generators.tell('measure');
    const before = { counts: await generators.count(), cpu: cpuSeconds(server.pid), at: performance.now() };
    await sleep(options.seconds * 1000);
    const span = spanOf(before.counts, await generators.count());
    const serverCores = (cpuSeconds(server.pid) - before.cpu) / ((performance.now() - before.at) / 1000);
    await generators.tell('measured');
    await sleep(AFTER_MS);
    await generators.tell('cease');
    const { delivery } = await generators.latencies();
    const seenPerSecond = span.rates.delivered / OBSERVERS;
    return {
      seenPerSecond,
      serverCores,
      serverMegabytes: peakMegabytes(server.pid),
      deliveryP50: delivery.getValueAtPercentile(50) / 1000,
      deliveryP99: delivery.getValueAtPercentile(99) / 1000,
      deliveryP999: delivery.getValueAtPercentile(99.9) / 1000,
      generatorCores: span.cores,
      keepsUp: seenPerSecond >= (SESSIONS - 1) * KEEPS_UP ? 1 : 0,
    };
  } finally {
    await generators.stop();
    await server.stop();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
