import { markdownTable } from 'markdown-table';
import type { Bound } from '../bound.ts';
import type { Column } from '../workloads/workload.ts';
import type { Comparison, MeasuredWorkload, WorkloadResult } from './comparison.ts';

/** Everything, as tables that are Markdown and can be read in a terminal. */
export function tablesOf({ at, machine, contenders, workloads, bounds }: Comparison): string {
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC, ${machine}`,
    markdownTable([
      ['server', 'version', 'as it was run', 'an ack says', 'durable', 'synced', 'ordered'],
      ...contenders.map(({ name, version, configuration, guarantees }) => [
        name,
        version,
        configuration,
        guarantees.ack,
        guarantees.durable,
        guarantees.synced ? 'yes' : 'no',
        guarantees.ordered,
      ]),
    ]),
    ...workloads.map(workloadTable),
    ...(bounds.length === 0 ? [] : ['## Bounds', boundsTable(bounds)]),
  ].join('\n\n');
}

function workloadTable({ title, how, columns, results }: MeasuredWorkload): string {
  const table = markdownTable(
    [['server', ...columns.map((column) => column.title)], ...results.map((result) => rowOf(result, columns))],
    { align: ['l', ...columns.map(() => 'r')] },
  );
  const notes = [...results.flatMap(noteOf), ...reasonsOf(results)];
  return [`## ${title}`, `${capitalized(how)}.`, table, ...notes].join('\n\n');
}

function rowOf(result: WorkloadResult, columns: readonly Column[]): string[] {
  if ('reason' in result) return [result.contender, ...columns.map(() => '–')];
  return [result.contender, ...columns.map((column) => cellOf(result.figures[column.key], column))];
}

function cellOf(value: number | undefined, { digits }: Column): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What the figures do not show. */
function noteOf(result: WorkloadResult): string[] {
  if ('reason' in result) return [];
  const { keepsUp = 1, lost = 0, disordered = 0, closed = 0 } = result.figures;
  const notes: string[] = [];
  if (keepsUp === 0) notes.push('does not keep up: latencies grow for as long as it runs');
  if (lost > 0) notes.push(`${lost} writes had not been acked or had not come to all when nothing came any more`);
  if (disordered > 0) notes.push(`${disordered} times a client had a write after a later one of the same writer`);
  if (closed > 0) notes.push(`it has closed ${closed} connections`);
  return notes.length === 0 ? [] : [`- ${result.contender}: ${notes.join('; ')}.`];
}

/** Why there are no figures: one line for all that have the same reason. */
function reasonsOf(results: readonly WorkloadResult[]): string[] {
  const contenders = new Map<string, string[]>();
  for (const result of results) {
    if ('reason' in result) contenders.set(result.reason, [...(contenders.get(result.reason) ?? []), result.contender]);
  }
  return [...contenders].map(([reason, names]) => `- ${names.join(', ')}: ${reason}.`);
}

function boundsTable(bounds: readonly Bound[]): string {
  return markdownTable(
    [
      ['bound', 'measured', 'limit', 'unit', ''],
      ...bounds.map(({ name, measured, limit, unit, met }) => [
        name,
        measured.toFixed(2),
        limit.toFixed(2),
        unit,
        met ? 'met' : 'MISSED',
      ]),
    ],
    { align: ['l', 'r', 'r', 'l', 'l'] },
  );
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
