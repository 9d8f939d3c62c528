import { expect, test } from '@jest/globals';
import { KINDS } from '../src/kube/kinds.ts';
import { KubeClient } from '../src/runtime/kube-client.ts';
import { loadKubeconfig } from './control-plane/control-plane.ts';
import { sharedControlPlane } from './control-plane/shared.ts';
import { until } from './control-plane/until.ts';
import { Kubelet } from './kubelet.ts';

const controlPlane = sharedControlPlane();

const CONTAINER = { name: 'main', image: 'none' };

function statefulSet(namespace: string, name: string) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace, name },
    spec: {
      replicas: 2,
      serviceName: name,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [CONTAINER] } },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 'by-hand',
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  };
}

test('controllers make pods and claims, and the kubelet has them become ready and bound', async () => {
  const { client } = controlPlane();
  const namespace = await controlPlane().createNamespace();
  await client.create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'by-hand' },
    provisioner: 'kubernetes.io/no-provisioner',
    allowVolumeExpansion: true,
  });
  const kubelet = Kubelet.follow(client, namespace);
  await client.create(statefulSet(namespace, 'db'));
  const ready = async (replicas: number) => {
    const found = await client.get(KINDS.StatefulSet, {
      namespace,
      name: 'db',
    });
    return found !== undefined && JSON.stringify(found.status).includes(`"readyReplicas":${replicas}`);
  };
  await until(() => ready(2), { what: 'two ready pods' });
  kubelet.set('db-1', { waiting: 'ImagePullBackOff' });
  await until(() => ready(1), { what: 'one ready pod' });
  expect(
    (
      await client.get(KINDS.PersistentVolumeClaim, {
        namespace,
        name: 'data-db-1',
      })
    )?.status,
  ).toMatchObject({
    phase: 'Bound',
  });

  const patch = { spec: { resources: { requests: { storage: '2Gi' } } } };
  await client.mergePatch(KINDS.PersistentVolumeClaim, { namespace, name: 'data-db-1' }, patch);
  await until(async () => {
    const grown = await client.get(KINDS.PersistentVolumeClaim, {
      namespace,
      name: 'data-db-1',
    });
    return JSON.stringify(grown?.status).includes('"storage":"2Gi"');
  });

  const before = await client.get(KINDS.Pod, { namespace, name: 'db-0' });
  await client.delete(KINDS.Pod, { namespace, name: 'db-0' });
  await until(async () => {
    const after = await client.get(KINDS.Pod, { namespace, name: 'db-0' });
    return after !== undefined && after.metadata.uid !== before?.metadata.uid;
  });
  await kubelet.stop();
});

test('a service account may do what its roles say, and nothing else', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  await client.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace, name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  });
  await client.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { namespace, name: 'reader' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'Role',
      name: 'reader',
    },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'default' }],
  });
  const kubeconfig = await controlPlane().kubeconfigFor({
    namespace,
    name: 'default',
  });
  const restricted = new KubeClient(loadKubeconfig(kubeconfig), {
    fieldManager: 'test',
  });
  await until(async () => (await restricted.list(KINDS.Pod, { namespace })).items.length === 0);
  await expect(restricted.list(KINDS.Secret, { namespace })).rejects.toMatchObject({
    status: 403,
    reason: 'Forbidden',
  });
  restricted.close();
});

test('an API server that was restarted has everything that was stored', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  await client.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name: 'kept' },
    data: { a: '1' },
  });
  await controlPlane().restartApiServer();
  expect((await client.get(KINDS.ConfigMap, { namespace, name: 'kept' }))?.data).toEqual({ a: '1' });
});
