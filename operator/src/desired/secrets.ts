import type { Cluster } from '../api/cluster.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Component } from './labels.ts';
import { metadataOf } from './metadata.ts';
import { namesOf } from './names.ts';

/** The user of managed NATS. */
export const NATS_USER = 'etherply';
const RANDOM_BYTES = 32;

/** One key of a Secret that the operator makes. */
export type GeneratedKey =
  /** This many random bytes, as text in base64url. */
  | { readonly key: string; readonly bytes: number }
  /** Always this text. */
  | { readonly key: string; readonly value: string };

/** A Secret that must exist. What is missing of it is made up once, and never changed after. */
export interface GeneratedSecret {
  readonly name: string;
  readonly component: Component;
  readonly keys: readonly GeneratedKey[];
}

/** The Secrets that the operator makes: what is random in them cannot be said by a pure function. */
export function generatedSecrets(cluster: Cluster): readonly GeneratedSecret[] {
  const { controlSecret, natsSecret } = namesOf(cluster);
  const control: GeneratedSecret = {
    name: controlSecret,
    component: 'sync-pod',
    keys: [{ key: 'token', bytes: RANDOM_BYTES }],
  };
  if (cluster.spec.nats.managed === undefined) return [control];
  const keys = [
    { key: 'user', value: NATS_USER },
    { key: 'password', bytes: RANDOM_BYTES },
  ];
  return [control, { name: natsSecret, component: 'nats', keys }];
}

/** The Secret with what it is to hold, by key, as text. */
export function secretObject(
  cluster: Cluster,
  { name, component }: GeneratedSecret,
  values: Readonly<Record<string, string>>,
): KubeObject {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadataOf(cluster, name, { component }),
    type: 'Opaque',
    data,
  };
}

/** A Secret that sync pods need, with the keys that must be in it. */
export interface NeededSecret {
  readonly name: string;
  readonly keys: readonly string[];
  /** The field of the spec that names it; undefined: the operator makes it. */
  readonly field: string | undefined;
}

/** All Secrets that sync pods take something of. */
export function neededSecrets(cluster: Cluster): readonly NeededSecret[] {
  const { auth, nats, webhook } = cluster.spec;
  const { credentials, tls } = nats.external ?? {};
  const one = (ref: { name: string; key: string } | undefined, field: string): NeededSecret[] =>
    ref === undefined ? [] : [{ name: ref.name, keys: [ref.key], field }];
  const whole = (ref: { name: string } | undefined, keys: readonly string[], field: string): NeededSecret[] =>
    ref === undefined ? [] : [{ name: ref.name, keys, field }];
  return [
    ...one(auth.secretRef, 'auth.secretRef'),
    ...one(webhook?.secretRef, 'webhook.secretRef'),
    ...whole(credentials?.userRef, ['user', 'password'], 'nats.external.credentials.userRef'),
    ...one(credentials?.tokenRef, 'nats.external.credentials.tokenRef'),
    ...one(credentials?.nkeyRef, 'nats.external.credentials.nkeyRef'),
    ...one(credentials?.credsRef, 'nats.external.credentials.credsRef'),
    ...one(tls?.caRef, 'nats.external.tls.caRef'),
    ...whole(tls?.certificateRef, ['tls.crt', 'tls.key'], 'nats.external.tls.certificateRef'),
    ...generatedSecrets(cluster).map(({ name, keys }) => ({
      name,
      keys: keys.map(({ key }) => key),
      field: undefined,
    })),
  ];
}
