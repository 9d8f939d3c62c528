import { beforeAll, expect, test } from '@jest/globals';
import { parseCluster } from '../../src/api/parse.ts';
import { desiredObjects } from '../../src/desired/desired-objects.ts';
import { generatedSecrets, secretObject } from '../../src/desired/secrets.ts';
import { KINDS, kindOf } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { collectionPath, objectPath } from '../../src/kube/paths.ts';
import { type StoredObject, storedObject } from '../../src/kube/stored-object.ts';
import { installCrd } from '../api/install-crd.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { circumstancesOf, clusterOf, idsOf, objectsOf } from './fixture.ts';
import { SPECS } from './specs.ts';

const controlPlane = sharedControlPlane();
/** Those whose definitions are not installed there. */
const ONLY_BUILT_IN = { podMonitor: false, httpRoute: false, backendTrafficPolicy: false, scaledObject: false };

let namespace: string;
beforeAll(async () => {
  await installCrd(controlPlane().client);
  namespace = await controlPlane().createNamespace();
});

/** As the operator applies an object, but that a field that the server does not know is an error. */
async function applyStrictly(object: KubeObject): Promise<StoredObject> {
  const { name } = object.metadata;
  const answer = await controlPlane().client.request('PATCH', objectPath(kindOf(object), { namespace, name }), {
    query: { fieldManager: 'etherply', force: 'true', fieldValidation: 'Strict' },
    body: object,
    contentType: 'application/apply-patch+yaml',
  });
  return storedObject.parse(answer);
}

/** Rises when something changes that a person or the operator wants; Services and the like have none: their content is told apart. */
function generationOf({ metadata, status: _, ...content }: StoredObject): unknown {
  return metadata.generation ?? content;
}

test.each([...SPECS].map(([what, spec], index) => ({ what, spec, name: `c${index}` })))(
  'the API server takes all objects of $what, and applying them again changes nothing',
  async ({ spec, name }) => {
    const stored = await controlPlane().client.create({
      apiVersion: 'etherply.io/v1alpha1',
      kind: 'EtherPlyCluster',
      metadata: { name, namespace },
      spec: { auth: { secretRef: { name: 'demo-auth' } }, ...spec },
    });
    const cluster = parseCluster(stored);
    // No pods: their controllers would write to the objects, too.
    const objects = desiredObjects(cluster, circumstancesOf({ apis: ONLY_BUILT_IN, replicas: 0 }));
    expect(idsOf(objects)).toEqual(expect.arrayContaining([`StatefulSet/${name}`, `Service/${name}`]));
    for (const object of objects) {
      const first = await applyStrictly(object);
      expect(generationOf(await applyStrictly(object))).toEqual(generationOf(first));
    }
  },
);

test('the API server takes the objects of a cluster whose spec changes, one way and back', async () => {
  const ways = [
    'a minimal one',
    'one that scales by itself',
    'one behind haproxy-ingress',
    'one behind a load balancer',
    'one that few may reach',
    'one without policies and monitors',
  ];
  for (const what of [...ways, ...ways.toReversed()]) {
    const objects = objectsOf(SPECS.get(what), { apis: ONLY_BUILT_IN, replicas: 0 });
    for (const object of objects) {
      const { kind, metadata } = object;
      const applied = await applyStrictly({ ...object, metadata: { ...metadata, namespace } });
      expect(applied).toMatchObject({ kind, metadata: { name: metadata.name } });
    }
  }
});

test('the API server takes the Secrets that the operator makes', async () => {
  const cluster = clusterOf();
  for (const secret of generatedSecrets(cluster)) {
    const object = secretObject(cluster, secret, { [secret.keys[0]?.key ?? '']: 'x' });
    await expect(applyStrictly({ ...object, metadata: { ...object.metadata, namespace } })).resolves.toMatchObject({
      kind: 'Secret',
    });
  }
});

test.each([...SPECS])(
  'pods of %s keep to the Pod Security Standard restricted, as the API server checks it',
  async (_, spec) => {
    const { client } = controlPlane();
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await client.mergePatch(KINDS.Namespace, { name: namespace }, { metadata: { labels } });
    const workloads = objectsOf(spec).filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');
    expect(workloads.length).toBeGreaterThan(0);
    for (const workload of workloads) {
      const pod = podOf(workload);
      const query = { dryRun: 'All', fieldValidation: 'Strict' };
      const path = collectionPath(KINDS.Pod, namespace);
      await expect(client.request('POST', path, { query, body: pod })).resolves.toMatchObject({ kind: 'Pod' });
    }
  },
);

/** The pod that its controller would make, of an account and a priority that are there. */
function podOf({ metadata, spec }: KubeObject) {
  const { template, volumeClaimTemplates = [] } = Object(spec);
  const { priorityClassName: _, ...rest } = template.spec;
  const claims: { metadata: { name: string } }[] = volumeClaimTemplates;
  const volumes = claims.map((claim) => ({ name: claim.metadata.name, emptyDir: {} }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, name: metadata.name, namespace },
    spec: { ...rest, serviceAccountName: 'default', volumes: [...(rest.volumes ?? []), ...volumes] },
  };
}
