import { CHART, helm, RELEASE_NAMESPACE, type Values, valueFlags } from '../chart/commands.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';

/**
 * Makes a default storage class, and installs the chart, whose Deployment nothing runs: tests run the operator themselves, as the chart's service account.
 * @returns the path of a kubeconfig with which the operator may do what the chart allows it
 */
export async function installChart(controlPlane: ControlPlane, values: Values = {}): Promise<string> {
  const where = ['--kubeconfig', controlPlane.kubeconfig, '--namespace', RELEASE_NAMESPACE, '--create-namespace'];
  await helm('upgrade', '--install', 'etherply', CHART, ...where, ...valueFlags({ replicas: 1, ...values }));
  await controlPlane.client.apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    allowVolumeExpansion: true,
  });
  return controlPlane.kubeconfigFor({ namespace: RELEASE_NAMESPACE, name: 'etherply-operator' });
}
