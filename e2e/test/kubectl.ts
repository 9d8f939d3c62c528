import { z } from 'zod';
import { goPrograms } from '../../scripts/tools.mjs';
import { command } from '../src/command.ts';

/** Runs kubectl in the cluster of KUBECONFIG. @returns what it printed */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { kubectl: program } = await goPrograms('kubectl');
  return command(program, args);
}

export async function helm(...args: readonly string[]): Promise<string> {
  const { helm: program } = await goPrograms('helm');
  return command(program, args);
}

/** Runs kubectl and parses the JSON that it prints. */
export async function kubectlJson<T>(shape: z.ZodType<T>, ...args: readonly string[]): Promise<T> {
  return shape.parse(JSON.parse(await kubectl(...args, '--output=json')));
}

/** A list of objects with what a shape says of each. */
export function listOf<T>(shape: z.ZodType<T>): z.ZodType<{ items: T[] }> {
  return z.object({ items: z.array(shape) });
}
