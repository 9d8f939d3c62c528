import { z } from 'zod';
import { withRules } from './cel.ts';
import { objectName, passedOn, whole } from './values.ts';

const router = z
  .object({
    image: z.string().min(1).default('haproxy:3.2-alpine').describe('Image of HAProxy, of version 2.6 or later.'),
    replicas: whole(1, 20, 'How many pods of the router there are.').default(2),
    resources: passedOn('Resources of the container, as in a Pod. Unset: it asks for 100m CPU and 128Mi.').optional(),
    forwardedFor: z
      .enum(['replace', 'keep'])
      .optional()
      .describe(
        'What becomes of X-Forwarded-For in a request. replace: the router writes the address that it sees, whatever a client says. ' +
          'keep: it stays, for proxies in front that write it. Unset: keep with a host or a gateway, which are such proxies, else replace.',
      ),
  })
  .prefault({})
  .describe('The HAProxy that the operator runs, in mode router.');

const service = z
  .object({
    type: z
      .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
      .default('ClusterIP')
      .describe('Type of the Service for clients. LoadBalancer: clients come from outside without an Ingress.'),
    annotations: z.record(z.string(), z.string()).optional().describe('Annotations of the Service.'),
  })
  .prefault({})
  .describe('The Service for clients, which has the name of the cluster and port 8080.');

/** How clients reach the pods. */
export const ingress = withRules(
  z
    .object({
      mode: z
        .enum(['router', 'haproxy-ingress', 'gatewayAPI', 'none'])
        .default('router')
        .describe(
          'How the connections of a workspace come to one pod. router: by HAProxy that the operator runs, behind any Ingress, Gateway ' +
            'or load balancer. haproxy-ingress: by an Ingress for the controller of haproxy-ingress.github.io. gatewayAPI: by an ' +
            'HTTPRoute and a BackendTrafficPolicy for Envoy Gateway, which can choose by a header only: connections without ' +
            'X-EtherPly-Workspace go to any pod. none: they go to any pod. Any pod serves any workspace; it is faster on one.',
        ),
      host: z
        .string()
        .max(253)
        .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
        .optional()
        .describe(
          'Host name under which clients reach the cluster. In mode router an Ingress for it is made where no gateway is set.',
        ),
      className: objectName('Class of the Ingress. Unset: the default of the Kubernetes cluster.').optional(),
      tlsSecretName: objectName('Secret with the certificate for the host (`tls.crt`, `tls.key`).').optional(),
      gateway: z
        .object({
          name: objectName('Name of the Gateway.'),
          namespace: objectName('Its namespace. Unset: that of the cluster.').optional(),
          sectionName: objectName('Listener of the Gateway. Unset: all that allow the route.').optional(),
        })
        .optional()
        .describe(
          'Gateway that an HTTPRoute is made for: in mode router to the router, in mode gatewayAPI to the pods.',
        ),
      annotations: z.record(z.string(), z.string()).optional().describe('Annotations of the Ingress or HTTPRoute.'),
      service,
      router,
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
  {
    rule: '!has(self.tlsSecretName) || has(self.host)',
    message: 'tlsSecretName needs host: the name that the certificate is for',
  },
);

/** What may reach what. */
export const networkPolicy = z
  .object({
    enabled: z
      .boolean()
      .default(true)
      .describe('Whether NetworkPolicies are made, which let only through what is needed.'),
    allowFrom: z
      .array(passedOn('A peer, as in `from` of a NetworkPolicy.'))
      .max(32)
      .optional()
      .describe(
        'Who else may reach port 8080 of the pods. The router, the operator and Prometheus (pods with the label ' +
          'app.kubernetes.io/name: prometheus) always may. Unset: nobody else in mode router, everybody in the other modes.',
      ),
  })
  .prefault({})
  .describe('What may reach the pods.');
