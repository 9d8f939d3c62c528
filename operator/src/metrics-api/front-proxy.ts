import type { TLSSocket } from 'node:tls';
import { z } from 'zod';

/** Whom the API server comes as when it passes a request on. */
export interface FrontProxy {
  /** PEM, of the authority that signs its certificate. */
  readonly ca: string;
  /** Names that the certificate may have; none: any. */
  readonly allowedNames: readonly string[];
}

const names = z.string().transform((text, context) => {
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'is no JSON list of names' });
    return z.NEVER;
  }
});
const configMap = z.object({
  data: z.object({
    'requestheader-client-ca-file': z.string().includes('BEGIN CERTIFICATE'),
    'requestheader-allowed-names': names.default([]),
  }),
});

/** Where the API server says it: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ */
export const FRONT_PROXY_CONFIG = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/** What the ConfigMap says; undefined where the API server passes nothing on. @param object as the API server has it */
export function frontProxyOf(object: unknown): FrontProxy | undefined {
  const parsed = configMap.safeParse(object);
  if (!parsed.success) return undefined;
  const { data } = parsed.data;
  return { ca: data['requestheader-client-ca-file'], allowedNames: data['requestheader-allowed-names'] };
}

/** Why somebody is not the API server; undefined: they are. The server has checked the certificate, if there is one. */
export function refusalOf(socket: TLSSocket, frontProxy: FrontProxy | undefined): 401 | 403 | undefined {
  if (frontProxy === undefined || !socket.authorized) return 401;
  const { allowedNames } = frontProxy;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return allowedNames.length === 0 || (typeof name === 'string' && allowedNames.includes(name)) ? undefined : 403;
}
