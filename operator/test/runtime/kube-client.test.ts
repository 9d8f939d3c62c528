import { expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { KINDS } from '../../src/kube/kinds.ts';
import { KubeClient, type RequestReport, WriteRefusedError } from '../../src/runtime/kube-client.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { configMap } from './config-map.ts';

const controlPlane = sharedControlPlane();

function clientOf(fieldManager: string, options: { requestTimeoutMs?: number } = {}): KubeClient {
  return new KubeClient(loadKubeconfig(controlPlane().kubeconfig), { fieldManager, ...options });
}

test('what is applied is made, and what is not applied any more goes, but not what others have set', async () => {
  const namespace = await controlPlane().createNamespace();
  const [ours, theirs] = [clientOf('ours'), clientOf('theirs')];
  await ours.apply(configMap(namespace, 'c', { a: '1', b: '2' }));
  await theirs.apply(configMap(namespace, 'c', { c: '3' }));
  const applied = await ours.apply(configMap(namespace, 'c', { a: '1' }));
  expect(applied.data).toEqual({ a: '1', c: '3' });
  ours.close();
  theirs.close();
});

test('applying what is already so changes nothing', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const first = await client.apply(configMap(namespace, 'c', { a: '1' }));
  const second = await client.apply(configMap(namespace, 'c', { a: '1' }));
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
});

test('a field that somebody else has is taken by force, and without it the conflict says whose it is', async () => {
  const namespace = await controlPlane().createNamespace();
  const [ours, theirs] = [clientOf('ours'), clientOf('theirs')];
  await theirs.apply(configMap(namespace, 'c', { a: '1' }));
  const unforced = ours.apply(configMap(namespace, 'c', { a: '2' }), { force: false });
  await expect(unforced).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  await expect(unforced).rejects.toThrow('"theirs"');
  expect((await ours.apply(configMap(namespace, 'c', { a: '2' }))).data).toEqual({ a: '2' });
  ours.close();
  theirs.close();
});

test('a status is applied apart from the rest', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: 'p' } };
  await client.apply({ ...pod, spec: { containers: [{ name: 'c', image: 'none' }] } });
  const applied = await client.apply({ ...pod, status: { reason: 'Tried' } }, { subresource: 'status' });
  expect(applied.status).toMatchObject({ reason: 'Tried', phase: 'Pending' });
});

test('an object that has been replaced is neither deleted nor overwritten', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const first = await client.create(configMap(namespace, 'c', { a: '1' }));
  await client.delete(KINDS.ConfigMap, { namespace, name: 'c' }, { uid: first.metadata.uid });
  const second = await client.create(configMap(namespace, 'c', { a: '2' }));
  const { uid, resourceVersion } = first.metadata;
  await expect(client.delete(KINDS.ConfigMap, { namespace, name: 'c' }, { uid })).rejects.toMatchObject({
    status: 409,
  });
  await expect(client.delete(KINDS.ConfigMap, { namespace, name: 'c' }, { resourceVersion })).rejects.toMatchObject({
    status: 409,
  });
  const outdated = { ...second, metadata: { ...second.metadata, resourceVersion }, data: { a: '3' } };
  await expect(client.replace(outdated)).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  expect((await client.get(KINDS.ConfigMap, { namespace, name: 'c' }))?.data).toEqual({ a: '2' });
});

test('what does not exist is undefined, and deleting it says that there was nothing', async () => {
  const { client } = controlPlane();
  const ref = { namespace: 'default', name: 'nothing' };
  expect(await client.get(KINDS.ConfigMap, ref)).toBeUndefined();
  expect(await client.get(KINDS.PodMonitor, ref)).toBeUndefined();
  expect(await client.delete(KINDS.ConfigMap, ref)).toBe(false);
});

test('a list has all objects, however many pages they are', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const names = Array.from({ length: 510 }, (_, at) => `c-${at}`);
  await Promise.all(names.map((name) => client.create(configMap(namespace, name, {}))));
  const { items } = await client.list(KINDS.ConfigMap, { namespace });
  const found = items.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt');
  expect(new Set(found)).toEqual(new Set(names));
  expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
});

test('a refusal says what is wrong', async () => {
  const namespace = await controlPlane().createNamespace();
  const refused = controlPlane().client.create(configMap(namespace, 'Not_A_Name', {}));
  await expect(refused).rejects.toMatchObject({ name: 'ApiError', status: 422, reason: 'Invalid' });
  await expect(refused).rejects.toThrow(/metadata\.name/);
});

test('where nothing may be changed nothing is asked for, and reading goes on', async () => {
  const namespace = await controlPlane().createNamespace();
  let mayWrite = true;
  const client = new KubeClient(loadKubeconfig(controlPlane().kubeconfig), {
    fieldManager: 'ours',
    mayWrite: () => mayWrite,
  });
  const object = configMap(namespace, 'c', { a: '1' });
  await client.apply(object);
  mayWrite = false;
  const ref = { namespace, name: 'c' };
  await expect(client.apply(configMap(namespace, 'c', { a: '2' }))).rejects.toThrow(WriteRefusedError);
  await expect(client.create(configMap(namespace, 'd', {}))).rejects.toThrow(WriteRefusedError);
  await expect(client.mergePatch(KINDS.ConfigMap, ref, { data: { a: '2' } })).rejects.toThrow(WriteRefusedError);
  await expect(client.delete(KINDS.ConfigMap, ref)).rejects.toThrow(WriteRefusedError);
  expect((await client.get(KINDS.ConfigMap, ref))?.data).toEqual({ a: '1' });
  client.close();
});

test('a merge patch takes fields away, and changes nothing of what is not as it was any more', async () => {
  const namespace = await controlPlane().createNamespace();
  const { client } = controlPlane();
  const created = await client.create(configMap(namespace, 'c', { a: '1', b: '2' }));
  const ref = { namespace, name: 'c' };
  const patched = await client.mergePatch(KINDS.ConfigMap, ref, { data: { a: null, c: '3' } });
  expect(patched.data).toEqual({ b: '2', c: '3' });
  const { resourceVersion } = created.metadata;
  const outdated = client.mergePatch(KINDS.ConfigMap, ref, { metadata: { resourceVersion }, data: { d: '4' } });
  await expect(outdated).rejects.toMatchObject({ status: 409 });
});

test('every request is reported, also one that was not answered', async () => {
  const reports: RequestReport[] = [];
  const client = new KubeClient(loadKubeconfig(controlPlane().kubeconfig), {
    fieldManager: 'test',
    onRequest: (report) => reports.push(report),
  });
  await client.get(KINDS.Namespace, { name: 'nothing' });
  await controlPlane().pauseApiServer();
  try {
    await expect(client.get(KINDS.Namespace, { name: 'default' }, { timeoutMs: 500 })).rejects.toMatchObject({
      name: 'ApiUnavailableError',
    });
  } finally {
    controlPlane().resumeApiServer();
  }
  expect(reports).toMatchObject([
    { method: 'GET', resource: 'namespaces', status: 404 },
    { method: 'GET', resource: 'namespaces', status: 0 },
  ]);
  expect(reports[1]?.seconds).toBeGreaterThan(0.4);
  client.close();
});

test('an API server that was restarted is asked as if nothing had been, also over connections that it has closed', async () => {
  const { client } = controlPlane();
  await client.list(KINDS.Namespace);
  await controlPlane().stopApiServer();
  const refused = client.list(KINDS.Namespace);
  await expect(refused).rejects.toMatchObject({ name: 'ApiUnavailableError' });
  await controlPlane().startApiServer();
  expect((await client.list(KINDS.Namespace)).items.length).toBeGreaterThan(3);
});

test('a request that was given up is told of as one without an answer', async () => {
  const { client } = controlPlane();
  const signal = AbortSignal.abort(new Error('not needed any more'));
  await expect(client.list(KINDS.Namespace, { signal })).rejects.toThrow(/not needed any more/);
  await expect(client.list(KINDS.Namespace, { signal })).rejects.toMatchObject({ name: 'ApiUnavailableError' });
});

test('in a pod it asks with the token and the authority that are mounted', async () => {
  const namespace = await controlPlane().createNamespace();
  const { mounted, environment } = await controlPlane().mountedServiceAccount({ namespace, name: 'default' });
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    const config = new KubeConfig();
    config.loadFromCluster(mounted);
    const client = new KubeClient(config, { fieldManager: 'test' });
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const answer = await client.request('POST', path, { body: review });
    expect(JSON.stringify(answer)).toContain(`system:serviceaccount:${namespace}:default`);
    client.close();
  } finally {
    process.env = before;
  }
});

test('a reference that lacks a namespace is a bug, and told as one', async () => {
  await expect(controlPlane().client.get(KINDS.ConfigMap, { name: 'c' })).rejects.toThrow('a namespace is missing');
  const namespaced = { namespace: 'default', name: 'n' };
  await expect(controlPlane().client.get(KINDS.Node, namespaced)).rejects.toThrow('it has no namespace');
});
