import { atLeast, atMost, type Bound } from '../bound.ts';
import type { Figures } from '../workloads/workload.ts';
import type { MeasuredContender, MeasuredWorkload } from './comparison.ts';

/** What EtherPly is held to, as far as it was measured. */
export function boundsOf(contenders: readonly MeasuredContender[], workloads: readonly MeasuredWorkload[]): Bound[] {
  const figuresOf = (workload: string, contender: string): Figures => {
    const results = workloads.find(({ name }) => name === workload)?.results ?? [];
    const result = results.find((one) => one.contender === contender);
    return result !== undefined && 'figures' in result ? result.figures : {};
  };
  const ratio = (workload: string, contender: string, key: string) =>
    (figuresOf(workload, 'etherply')[key] ?? Number.NaN) / (figuresOf(workload, contender)[key] ?? Number.NaN);
  const grown = (workload: string, least: number, most: number) => {
    const figures = figuresOf(workload, 'etherply');
    return (figures[`at${most}`] ?? Number.NaN) / (figures[`at${least}`] ?? Number.NaN);
  };
  const peers = contenders.filter(({ name }) => name !== 'floor' && name !== 'etherply');
  const small = 'small-saturated';
  return [
    atLeast(0.8, 'small-saturated, ops/s', ratio(small, 'floor', 'opsPerSecond'), '× floor'),
    atMost(1.5, 'small-saturated, CPU an op', ratio(small, 'floor', 'serverCpuPerOp'), '× floor'),
    ...['small-2000', 'small-10000'].map((workload) =>
      atMost(3, `${workload}, CPU an op`, ratio(workload, 'floor', 'serverCpuPerOp'), '× floor'),
    ),
    ...peers.map(({ name, guarantees }) => {
      const least = guarantees.keeps === 'on disk' ? 10 : 1;
      return atLeast(least, 'small-saturated, ops/s', ratio(small, name, 'opsPerSecond'), `× ${name}`);
    }),
    ...workloads.flatMap(({ name, slowest }) =>
      slowest === undefined ? [] : slowestBound(name, slowest, figuresOf(name, 'etherply'), peerFigures(name)),
    ),
    atMost(1.3, 'growth-keys, CPU an op', grown('growth-keys', 10, 100_000), '× that of 10 keys'),
    atMost(1.3, 'growth-history, CPU an op', grown('growth-history', 1000, 1_000_000), '× that after 1,000 ops'),
    atMost(12, 'idle connection', figuresOf('idle', 'etherply').kibibytes ?? Number.NaN, 'KiB'),
  ].filter(({ measured }) => !Number.isNaN(measured));

  function peerFigures(workload: string): Map<string, Figures> {
    return new Map(peers.map(({ name }) => [name, figuresOf(workload, name)]));
  }
}

/** The slowest client or op is no slower than that of the best peer: of those that keep up, lose nothing and have as much on its way. */
function slowestBound(workload: string, key: string, own: Figures, peers: ReadonlyMap<string, Figures>): Bound[] {
  const measured = own[key];
  const fit = [...peers].flatMap(([name, figures]) => {
    const value = figures[key];
    const isFit = (figures.keepsUp ?? 1) === 1 && (figures.lost ?? 0) === 0 && figures.window === own.window;
    return value !== undefined && Number.isFinite(value) && isFit ? [{ name, value }] : [];
  });
  const [best] = fit.toSorted((a, b) => a.value - b.value);
  if (measured === undefined || best === undefined) return [];
  return [atMost(best.value, `${workload}, slowest 1 %`, measured, `ms (${best.name})`)];
}
