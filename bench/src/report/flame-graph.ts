import { z } from 'zod';

/** What Node.js writes with --cpu-prof, as far as it is needed. */
export const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
      children: z.array(z.number()).optional(),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
export type CpuProfile = z.infer<typeof cpuProfile>;

const WIDTH = 1400;
const ROW = 18;
/** What is narrower is not drawn. */
const LEAST_WIDTH = 0.5;
const CHARACTER = 6.6;

interface Frame {
  readonly name: string;
  /** Microseconds, its callees' included. */
  total: number;
  readonly callees: Map<string, Frame>;
}

/** A flame graph as SVG: who calls whom, from the top, as wide as the time on the CPU; titles tell more. */
export function flameGraphOf(profile: CpuProfile): string {
  const root = callTree(profile);
  const parts: string[] = [];
  const deepest = draw(root, { x: 0, depth: 0, root }, parts);
  const height = (deepest + 1) * ROW;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
    `font-family="monospace" font-size="11"><rect width="${WIDTH}" height="${height}" fill="#fff"/>${parts.join('')}</svg>\n`
  );
}

/** Calls of one function from one place are one frame. Time in which nothing ran is left out. */
function callTree({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const own = new Map<number, number>();
  for (const [n, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[n] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: 'all', total: 0, callees: new Map() };
  const add = (id: number, caller: Frame): number => {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') return 0;
    const name = nameOf(node.callFrame);
    const frame = caller.callees.get(name) ?? { name, total: 0, callees: new Map() };
    caller.callees.set(name, frame);
    let total = own.get(id) ?? 0;
    for (const child of node.children ?? []) total += add(child, frame);
    frame.total += total;
    return total;
  };
  const called = new Set(nodes.flatMap(({ children = [] }) => children));
  for (const { id, children = [] } of nodes) {
    if (!called.has(id)) for (const child of children) root.total += add(child, root);
  }
  return root;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.split('/').slice(-2).join('/');
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

interface Place {
  readonly x: number;
  readonly depth: number;
  readonly root: Frame;
}

/** Returns how deep it goes. */
function draw(frame: Frame, { x, depth, root }: Place, parts: string[]): number {
  const width = (frame.total / root.total) * WIDTH;
  if (!(width >= LEAST_WIDTH)) return depth;
  const share = ((frame.total / root.total) * 100).toFixed(1);
  const text = frame.name.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER)));
  const y = depth * ROW;
  parts.push(
    `<g><title>${escaped(frame.name)}: ${share} %, ${(frame.total / 1000).toFixed(0)} ms</title>` +
      `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(LEAST_WIDTH, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colourOf(frame.name)}"/>` +
      `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(text)}</text></g>`,
  );
  let deepest = depth;
  let at = x;
  for (const callee of [...frame.callees.values()].toSorted((a, b) => b.total - a.total)) {
    deepest = Math.max(deepest, draw(callee, { x: at, depth: depth + 1, root }, parts));
    at += (callee.total / root.total) * WIDTH;
  }
  return deepest;
}

/** Warm, and the same for the same name. */
function colourOf(name: string): string {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 997;
  return `hsl(${10 + (hash % 45)} 85% ${62 + (hash % 18)}%)`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
