import { z } from 'zod';
import { withRules } from './cel.ts';
import { objectName } from './values.ts';

/** How clients reach the pods. */
export const ingress = withRules(
  z
    .object({
      mode: z
        .enum(['router', 'haproxy-ingress', 'gatewayAPI', 'none'])
        .default('router')
        .describe(
          'How a workspace keeps to one pod. router: HAProxy that the operator runs, behind any Ingress or load balancer. ' +
            'haproxy-ingress: annotations for that controller. gatewayAPI: an HTTPRoute, and a policy of Envoy Gateway. none: nothing is made.',
        ),
      host: z.string().min(1).max(253).optional().describe('Host name under which clients reach the cluster.'),
      className: objectName('Class of the Ingress. Unset: the default of the Kubernetes cluster.').optional(),
      tlsSecretName: objectName('Secret with the certificate for the host (`tls.crt`, `tls.key`).').optional(),
      gateway: z
        .object({
          name: objectName('Name of the Gateway.'),
          namespace: objectName('Its namespace. Unset: that of the cluster.').optional(),
        })
        .optional()
        .describe('The Gateway that the HTTPRoute belongs to.'),
      annotations: z.record(z.string(), z.string()).optional().describe('Annotations of the Ingress or HTTPRoute.'),
    })
    .prefault({})
    .describe('How clients reach the pods.'),
  {
    rule: "self.mode != 'gatewayAPI' || has(self.gateway)",
    message: 'mode gatewayAPI needs gateway.name: the Gateway that routes are attached to',
  },
  {
    rule: "self.mode != 'haproxy-ingress' || has(self.host)",
    message: 'mode haproxy-ingress needs host: the name under which clients come',
  },
);

/** What may reach what. */
export const networkPolicy = z
  .object({
    enabled: z
      .boolean()
      .default(true)
      .describe('Whether NetworkPolicies are made: only what is needed may reach pods.'),
    allowFrom: z
      .array(z.record(z.string(), z.unknown()).meta({ 'x-kubernetes-preserve-unknown-fields': true }))
      .max(32)
      .optional()
      .describe('Further peers that may reach port 8080 of the pods, as in a NetworkPolicy.'),
  })
  .prefault({})
  .describe('What may reach the pods.');
