import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from '../contenders/contender.ts';
import { Generators } from '../generator/generators.ts';
import { measureSpan } from '../generator/measure-span.ts';
import { latencyOf } from '../generator/run-load.ts';
import { peakMegabytes } from '../process-stats.ts';
import { figuresOf, keepsUp } from './load-workload.ts';
import { withServer } from './with-server.ts';
import type { Figures, MeasureOptions, Workload } from './workload.ts';

const SESSIONS = 1500;
const OBSERVERS = 10;
const WARM_UP_MS = 3000;
/** What is due while it is measured may come until then. */
const AFTER_MS = 1000;
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

function measure(contender: Contender, options: MeasureOptions): Promise<Figures> {
  return withServer(contender, options, async ({ port, pid }) => {
    const { protocol } = contender;
    const crowd = { workspaces: 1, clientsEach: SESSIONS, writersEach: SESSIONS, placement: 'together' as const };
    const what = { subject: 'presence' as const, observersEach: OBSERVERS, load: { writesPerSecond: SESSIONS } };
    const query = await contender.query('presence');
    const generators = new Generators({ ...crowd, ...what, protocol, ports: [port], query }, options.generators);
    try {
      const span = await measureSpan(generators, [pid], { warmUpMs: WARM_UP_MS, measureMs: options.seconds * 1000 });
      await sleep(AFTER_MS);
      await generators.tell('cease');
      const { delivery } = await generators.latencies();
      const seenPerSecond = span.rates.delivered / OBSERVERS;
      return {
        seenPerSecond,
        serverCores: span.serverCpuSeconds / span.seconds,
        serverMegabytes: peakMegabytes(pid),
        ...figuresOf('delivery', latencyOf(delivery)),
        generatorCores: span.cores,
        keepsUp: keepsUp(seenPerSecond, SESSIONS - 1),
      };
    } finally {
      await generators.stop();
    }
  });
}
