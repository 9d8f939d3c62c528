import { neededSecrets } from '../desired/secrets.ts';
import type { Facts } from '../observed/facts.ts';
import type { Obstacle } from './action.ts';

/** Why pods cannot be made: they take something of a Secret that is not there. */
export function missingSecret({ cluster, secrets }: Facts): Obstacle | undefined {
  const missing = neededSecrets(cluster).flatMap(({ field, name, keys }) => {
    if (field === undefined) return []; // the operator makes it
    const secret = secrets.get(name);
    const absent = keys.filter((key) => secret?.keys.has(key) !== true);
    if (absent.length === 0) return [];
    const what = absent.length === 1 ? `the key ${absent[0]}` : `the keys ${absent.join(' and ')}`;
    return secret === undefined
      ? [`spec.${field}: there is no Secret ${name}; create it with ${what}`]
      : [`spec.${field}: the Secret ${name} lacks ${what}; add what is missing`];
  });
  return missing.length === 0 ? undefined : { reason: 'SecretMissing', message: missing.join('. ') };
}
