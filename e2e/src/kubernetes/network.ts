export const NODE_NAME = 'e2e';
export const CLUSTER_DOMAIN = 'cluster.local';
export const POD_SUBNET = '10.244.0.0/24';
/** Of the Service `kubernetes`: the first of the subnet of Services. */
export const KUBERNETES_ADDRESS = '10.96.0.1';
/** Of the Service `kube-dns`. */
export const DNS_ADDRESS = '10.96.0.10';
/** At which CoreDNS listens on the node. */
export const DNS_PORT = 1053;
export const API_PORT = 6443;
