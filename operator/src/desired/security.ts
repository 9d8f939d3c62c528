import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';

/** The user that sync pods and NATS servers run as: no user of an image that has a name. */
export const USER = 65_532;
/** The user `haproxy` of the HAProxy image. */
export const HAPROXY_USER = 99;

/** What a pod must be for the Pod Security Standard `restricted`: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export function podSecurity(user: number): V1PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    fsGroup: user,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** The same of a container, which writes nowhere but to its volumes. */
export function containerSecurity(): V1SecurityContext {
  return { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
}
