import { customResourceDefinition } from '../../src/api/crd.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';
import { until } from '../control-plane/until.ts';

/** Installs the CustomResourceDefinition; resolves when objects of it can be made. */
export async function installCrd(client: KubeClient): Promise<StoredObject> {
  const crd = customResourceDefinition();
  await client.apply(crd);
  const { name } = crd.metadata;
  return until(
    async () => {
      const found = await client.get(KINDS.CustomResourceDefinition, { name });
      return JSON.stringify(found?.status).includes('"type":"Established","status":"True"') ? found : undefined;
    },
    { what: 'the definition being established' },
  );
}
