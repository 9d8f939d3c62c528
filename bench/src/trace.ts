import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { z } from 'zod';

// Recorded editing sessions, in the formats of https://github.com/josephg/editing-traces.

const patch = z.tuple([z.int(), z.int(), z.string()]);
const sequentialTrace = z.object({
  startContent: z.string(),
  endContent: z.string(),
  txns: z.array(z.object({ patches: z.array(patch) })),
});
const concurrentTrace = z.object({
  endContent: z.string(),
  txns: z.array(z.object({ parents: z.array(z.int()), agent: z.int(), patches: z.array(patch) })),
});

/** At a position, so many characters go and these come; positions and counts are in Unicode code points. */
export type Patch = z.infer<typeof patch>;

/** Each transaction edits what the one before left. */
export type SequentialTrace = { readonly kind: 'sequential' } & Readonly<z.infer<typeof sequentialTrace>>;

/** Each transaction edits the merge of its parents, which are places of earlier ones; without any, the empty text. */
export type ConcurrentTrace = { readonly kind: 'concurrent' } & Readonly<z.infer<typeof concurrentTrace>>;

export type Trace = SequentialTrace | ConcurrentTrace;

/** Reads a trace, as it is or gzipped. @throws an error that says what is wrong with the file */
export async function readTrace(path: string): Promise<Trace> {
  try {
    const bytes = await readFile(path);
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const json: unknown = JSON.parse((isPacked ? await promisify(gunzip)(bytes) : bytes).toString());
    const { kind } = z.object({ kind: z.string().optional() }).parse(json);
    if (kind === 'concurrent') return { kind, ...concurrentTrace.parse(json) };
    return { kind: 'sequential', ...sequentialTrace.parse(json) };
  } catch (error) {
    throw new Error(`${path} is no trace: ${error instanceof Error ? error.message : error}`);
  }
}
