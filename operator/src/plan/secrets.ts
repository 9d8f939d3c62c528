import { createHash } from 'node:crypto';
import { secretReferences } from '../api/secret-references.ts';
import type { Facts } from '../observed/facts.ts';
import type { Obstacle } from './action.ts';

/** Why pods cannot be made: they take something of a Secret that is not there. */
export function missingSecret({ cluster, secrets }: Facts): Obstacle | undefined {
  const missing = secretReferences(cluster.spec).flatMap(({ field, name, keys }) => {
    const secret = secrets.get(name);
    const absent = keys.filter((key) => secret?.keys.has(key) !== true);
    if (absent.length === 0) return [];
    const what = absent.length === 1 ? `the key ${absent[0]}` : `the keys ${absent.join(' and ')}`;
    return secret === undefined
      ? [`${field}: there is no Secret ${name}; create it with ${what}`]
      : [`${field}: the Secret ${name} lacks ${what}; add what is missing`];
  });
  return missing.length === 0 ? undefined : { reason: 'SecretMissing', message: missing.join('. ') };
}

/** Changes when one of the Secrets changes of which pods take something. */
export function secretsHash({ secrets }: Facts): string {
  const all = [...secrets].map(([name, { hash }]) => `${name} ${hash}`).sort();
  return createHash('sha256').update(all.join()).digest('hex').slice(0, 16);
}
