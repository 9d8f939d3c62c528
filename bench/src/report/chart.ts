import type { MeasuredWorkload } from './comparison.ts';

const WIDTH = 420;
const BAR = 18;
const ROW = 24;
const LABELS = 96;
const VALUES = 70;
const HEAD = 46;
const COLUMNS = 2;
const OWN = '#2563eb';
const FLOOR = '#9ca3af';
const PEER = '#94a3b8';

/** Bars of the main figure of each workload, as SVG. */
export function chartOf(workloads: readonly MeasuredWorkload[]): string {
  const panels = workloads.map(panelOf).filter((panel) => panel !== undefined);
  const tops: number[] = Array.from({ length: COLUMNS }, () => 0);
  const placed = panels.map(({ svg, height }, n) => {
    const column = n % COLUMNS;
    const top = tops[column] ?? 0;
    tops[column] = top + height;
    return `<g transform="translate(${column * (WIDTH + 20) + 10} ${top + 10})">${svg}</g>`;
  });
  const width = COLUMNS * (WIDTH + 20);
  const height = Math.max(...tops, 0) + 20;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12"><rect width="${width}" height="${height}" fill="#fff"/>${placed.join('')}</svg>\n`
  );
}

function panelOf({ title, columns, chart, results }: MeasuredWorkload): { svg: string; height: number } | undefined {
  const column = columns.find(({ key }) => key === chart);
  if (column === undefined) throw new Error(`${title} has no column ${chart}`);
  const bars = results.flatMap((result) => {
    const value = 'figures' in result ? result.figures[chart] : undefined;
    return value !== undefined && Number.isFinite(value) ? [{ name: result.contender, value }] : [];
  });
  if (bars.length === 0) return undefined;
  const longest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ name, value }, n) => {
    const y = HEAD + n * ROW;
    const width = Math.max(1, (value / longest) * (WIDTH - LABELS - VALUES));
    const colour = name === 'etherply' ? OWN : name === 'floor' ? FLOOR : PEER;
    const text = value.toLocaleString('en', { maximumFractionDigits: column.digits });
    return (
      `<text x="${LABELS - 6}" y="${y + 13}" text-anchor="end">${escaped(name)}</text>` +
      `<rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${colour}"/>` +
      `<text x="${(LABELS + width + 5).toFixed(1)}" y="${y + 13}">${text}</text>`
    );
  });
  const heading =
    `<text y="16" font-weight="600" font-size="13">${escaped(title)}</text>` +
    `<text y="34" fill="#475569">${escaped(chartTitle(chart, column.title))}</text>`;
  return { svg: heading + rows.join(''), height: HEAD + bars.length * ROW + 16 };
}

/** A column's title says too little where it stands alone. */
function chartTitle(key: string, title: string): string {
  if (key === 'deliveryP99') return 'delivery p99, ms';
  return /^[\d,]+$/.test(title) ? `server CPU µs an op at ${title}` : title;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
