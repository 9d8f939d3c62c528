import { no, type Situation, type Verdict, yes } from './situation.ts';

const GATEWAY_API_MISSING =
  'this Kubernetes cluster has no HTTPRoute (gateway.networking.k8s.io/v1): install the Gateway API, or change spec.ingress. ' +
  'It is picked up by itself';

/** Whether clients can reach the pods in the way that the spec says. */
export function ingressReady({ facts }: Situation): Verdict {
  const { cluster, router, apis } = facts;
  switch (cluster.spec.ingress.mode) {
    case 'none':
      return yes('NotWanted', 'spec.ingress.mode is none: the Service leads to the pods');
    case 'haproxy-ingress':
      return yes('Applied', 'the Ingress is for an HAProxy ingress controller to serve');
    case 'router':
      if (router === undefined || router.readyReplicas === 0) {
        return no('NotReady', router?.problem ?? 'no pod of the router is ready yet');
      }
      if (cluster.spec.ingress.gateway !== undefined && !apis.httpRoute)
        return no('GatewayApiMissing', GATEWAY_API_MISSING);
      return yes('RouterReady', `${router.readyReplicas} of ${router.replicas} pods of the router are ready`);
    case 'gatewayAPI':
      if (!apis.httpRoute) {
        return no('GatewayApiMissing', GATEWAY_API_MISSING);
      }
      if (!apis.backendTrafficPolicy) {
        return yes(
          'WithoutStickiness',
          'the HTTPRoute is applied. There is no BackendTrafficPolicy (Envoy Gateway), so a workspace has no pod of its own: ' +
            'it works, and is slower',
        );
      }
      return yes('Applied', 'the HTTPRoute is for the Gateway to serve');
  }
}
