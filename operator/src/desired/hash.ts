import { createHash } from 'node:crypto';
import type { SecretFacts } from '../observed/facts.ts';

const CHARACTERS = 16;

/** A short text that differs where the value does. The order of keys counts. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, CHARACTERS);
}

/** The same of what is in the named Secrets; one that is missing counts as empty. */
export function secretsHash(secrets: ReadonlyMap<string, SecretFacts>, names: readonly string[]): string {
  return hashOf([...new Set(names)].sort().map((name) => [name, secrets.get(name)?.hash ?? null]));
}
