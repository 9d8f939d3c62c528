import { randomBytes } from 'node:crypto';
import type { Cluster } from '../api/cluster.ts';
import { type GeneratedKey, type GeneratedSecret, generatedSecrets, secretObject } from '../desired/secrets.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import { secretData } from '../observed/secret.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import type { Told } from './told.ts';

/**
 * Makes the Secrets that the operator makes up, and what is missing in them. What is there is never changed: pods have been
 * started with it.
 * @param found as of `Observer.secrets`
 * @returns all of them, with those that have been made now
 * @throws ApiError, ApiUnavailableError
 */
export async function ensureGeneratedSecrets(
  client: KubeClient,
  cluster: Cluster,
  found: ReadonlyMap<string, StoredObject>,
  told: Told,
): Promise<ReadonlyMap<string, StoredObject>> {
  const all = new Map(found);
  for (const secret of generatedSecrets(cluster)) {
    const object = found.get(secret.name);
    const values = object === undefined ? {} : textsOf(object);
    if (secret.keys.every(({ key }) => values[key] !== undefined)) continue;
    all.set(secret.name, await client.apply(secretObject(cluster, secret, { ...madeUp(secret), ...values })));
    told.done(cluster, 'Created', `Secret ${secret.name} was ${object === undefined ? 'made' : 'completed'}`);
  }
  return all;
}

function textsOf(secret: StoredObject): Record<string, string> {
  return Object.fromEntries(Object.entries(secretData(secret)).map(([key, bytes]) => [key, bytes.toString()]));
}

function madeUp({ keys }: GeneratedSecret): Record<string, string> {
  const textOf = (key: GeneratedKey) => ('value' in key ? key.value : randomBytes(key.bytes).toString('base64url'));
  return Object.fromEntries(keys.map((key) => [key.key, textOf(key)]));
}
