import type { MeasuredContender, MeasuredWorkload } from '../../src/report/comparison.ts';

/** A contender that keeps what it has where it is said. */
export function contender(name: string, keeps: 'on disk' | 'in memory'): MeasuredContender {
  const guarantees = { ack: 'received', keeps, durable: 'no', synced: false, ordered: 'yes' };
  return { name, version: '1.0.0', configuration: 'as it comes', guarantees };
}

/** A workload with ops/s and the delivery's p99 of contenders; undefined: it was not measured. */
export function workload(
  name: string,
  measured: Readonly<Record<string, Readonly<Record<string, number>> | undefined>>,
): MeasuredWorkload {
  return {
    name,
    title: 'Clients that write & read',
    how: 'they do what they do',
    columns: [
      { key: 'opsPerSecond', title: 'ops/s', digits: 0 },
      { key: 'deliveryP99', title: 'p99', digits: 1 },
    ],
    chart: 'opsPerSecond',
    slowest: 'deliveryP99',
    results: Object.entries(measured).map(([one, figures]) =>
      figures === undefined
        ? { contender: one, reason: 'it has no such thing', hasFailed: false }
        : { contender: one, figures },
    ),
  };
}
