import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import type { SecretFacts } from './facts.ts';

const secret = z.object({ data: z.record(z.string(), z.base64()).default({}) });

/** Which keys a Secret has, and what tells that one of them has changed; nothing of what is in it. */
export function secretFacts(object: KubeObject): SecretFacts {
  const data = Object.entries(secretData(object)).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  for (const [key, bytes] of data) hash.update(JSON.stringify([key, bytes.toString('base64')]));
  return { keys: new Set(data.map(([key]) => key)), hash: hash.digest('hex').slice(0, 16) };
}

/** What is in a Secret. */
export function secretData(object: KubeObject): Readonly<Record<string, Buffer>> {
  const { data } = secret.parse(object);
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}
