import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { goPrograms } from '../../../scripts/tools.mjs';

const run = promisify(execFile);

/** A path of this repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

export const CHART = inRepository('helm/etherply');
export const RELEASE_NAMESPACE = 'etherply-system';

/** Values as `--set-json` takes them. */
export type Values = Readonly<Record<string, unknown>>;

const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
  }),
});

/** An object as it stands in a file. */
export type Manifest = z.infer<typeof manifest>;

/** @returns what Helm prints. @throws with its message where it fails */
export async function helm(...flags: readonly string[]): Promise<string> {
  const programs = await goPrograms('helm');
  return (await run(programs.helm, flags)).stdout;
}

/** @returns what kubectl prints. @throws with its message where it fails */
export async function kubectl(...flags: readonly string[]): Promise<string> {
  const programs = await goPrograms('kubectl');
  return (await run(programs.kubectl, flags)).stdout;
}

export function valueFlags(values: Values): string[] {
  return Object.entries(values).map(([name, value]) => `--set-json=${name}=${JSON.stringify(value)}`);
}

/** What the chart makes of values, for a release `etherply`. */
export async function rendered(values: Values = {}): Promise<Manifest[]> {
  return manifestsOf(await renderedText(values));
}

export async function renderedText(values: Values = {}): Promise<string> {
  const where = ['--namespace', RELEASE_NAMESPACE, '--kube-version', '1.35.0'];
  return helm('template', 'etherply', CHART, ...where, ...valueFlags(values));
}

/** The objects in a text of YAML. */
export function manifestsOf(text: string): Manifest[] {
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS());
  return z.array(manifest).parse(documents.filter((object) => object !== null));
}
