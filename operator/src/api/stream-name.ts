import { createHash } from 'node:crypto';
import type { Cluster } from './cluster.ts';

/** What NATS and the sync pods take for a name. */
const MOST_CHARACTERS = 64;
const HASH_CHARACTERS = 8;

/** The name of the cluster in NATS: of its stream, and the first token of its subjects. It never changes. */
export function streamNameOf({ name, namespace, spec }: Pick<Cluster, 'name' | 'namespace' | 'spec'>): string {
  if (spec.stream.name !== undefined) return spec.stream.name;
  const full = `${namespace}_${name}`;
  if (full.length <= MOST_CHARACTERS) return full;
  const hash = createHash('sha256').update(full).digest('hex').slice(0, HASH_CHARACTERS);
  return `${full.slice(0, MOST_CHARACTERS - HASH_CHARACTERS - 1)}-${hash}`;
}
