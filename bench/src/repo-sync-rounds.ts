import { median } from './median.ts';
import { CONTENDERS, type Contender } from './repo-sync-server.ts';

/**
 * Measures the contenders in turns.
 * @param measure measures one of them once
 * @returns for a figure of a measurement, its median of EtherPly to that of the sync server
 */
export async function measureInTurns<Result>(
  rounds: number,
  measure: (contender: Contender) => Promise<Result>,
): Promise<(figure: (result: Result) => number) => number> {
  const results: Record<Contender, Result[]> = { 'sync-server': [], etherply: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of CONTENDERS) results[contender].push(await measure(contender));
  }
  return (figure) => median(results.etherply.map(figure)) / median(results['sync-server'].map(figure));
}
