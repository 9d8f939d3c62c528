import { z } from 'zod';
import type { OperatorProcess } from './operator-process.ts';

/** What the operator has done since its start, as its /metrics tells. */
export interface OperatorCounts {
  /** Times that a cluster was looked at. */
  readonly reconciles: number;
  /** Requests to the API server that may have changed something, but for those of its lease. */
  readonly writes: number;
}

export async function operatorCounts(operator: OperatorProcess): Promise<OperatorCounts> {
  const port = z.string().parse(/"port":(\d+),"msg":"ready"/.exec(operator.output)?.[1]);
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = [...text.matchAll(/^(\w+)\{(.*)\} (\d+)$/gm)];
  const sum = (name: string, isCounted: (labels: string) => boolean) =>
    samples
      .filter(([, of, labels = '']) => of === name && isCounted(labels))
      .reduce((total, [, , , value]) => total + Number(value), 0);
  return {
    reconciles: sum('etherply_operator_reconciles_total', () => true),
    writes: sum(
      'etherply_operator_api_requests_total',
      (labels) => !labels.includes('method="GET"') && !labels.includes('resource="leases"'),
    ),
  };
}
