import type { ClusterSpec } from './cluster.ts';

/** A Secret that pods take something of. */
export interface SecretReference {
  /** Where the spec says so. */
  readonly field: string;
  readonly name: string;
  /** Which keys it must have. */
  readonly keys: readonly string[];
}

/** The Secrets that a spec refers to, but for those of which the operator and the pods take nothing. */
export function secretReferences({ auth, nats, webhook }: ClusterSpec): readonly SecretReference[] {
  const keyOf = (field: string, ref: { readonly name: string; readonly key: string } | undefined) => {
    return ref === undefined ? [] : [{ field: `spec.${field}`, name: ref.name, keys: [ref.key] }];
  };
  const wholeOf = (field: string, name: string | undefined, keys: readonly string[]) => {
    return name === undefined ? [] : [{ field: `spec.${field}`, name, keys }];
  };
  const { credentials, tls } = nats.external ?? {};
  return [
    ...keyOf('auth.secretRef', auth.secretRef),
    ...wholeOf('nats.external.credentials.userRef', credentials?.userRef, ['user', 'password']),
    ...keyOf('nats.external.credentials.tokenRef', credentials?.tokenRef),
    ...keyOf('nats.external.credentials.nkeyRef', credentials?.nkeyRef),
    ...keyOf('nats.external.credentials.credsRef', credentials?.credsRef),
    ...keyOf('nats.external.tls.caRef', tls?.caRef),
    ...wholeOf('nats.external.tls.certificateRef', tls?.certificateRef, ['tls.crt', 'tls.key']),
    ...keyOf('webhook.secretRef', webhook?.secretRef),
  ];
}
