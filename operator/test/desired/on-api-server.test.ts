import { beforeAll, expect, test } from '@jest/globals';
import { parseCluster } from '../../src/api/parse.ts';
import { desiredObjects } from '../../src/desired/desired-objects.ts';
import { generatedSecrets, secretObject } from '../../src/desired/secrets.ts';
import { kindOf } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { objectPath } from '../../src/kube/paths.ts';
import { type StoredObject, storedObject } from '../../src/kube/stored-object.ts';
import { installCrd } from '../api/install-crd.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { circumstancesOf, clusterOf, idsOf } from './fixture.ts';
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

test('the API server takes the Secrets that the operator makes', async () => {
  const cluster = clusterOf();
  for (const secret of generatedSecrets(cluster)) {
    const object = secretObject(cluster, secret, { [secret.keys[0]?.key ?? '']: 'x' });
    await expect(applyStrictly({ ...object, metadata: { ...object.metadata, namespace } })).resolves.toMatchObject({
      kind: 'Secret',
    });
  }
});
