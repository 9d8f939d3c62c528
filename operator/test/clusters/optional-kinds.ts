import { z } from 'zod';
import { KINDS, type Kind } from '../../src/kube/kinds.ts';
import type { KubeClient } from '../../src/runtime/kube-client.ts';
import { until } from '../control-plane/until.ts';

const definition = z.looseObject({
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })) }),
});

/** Kinds that others bring: their definitions here take any object. */
export const OPTIONAL_KINDS = [KINDS.PodMonitor, KINDS.HTTPRoute, KINDS.BackendTrafficPolicy, KINDS.ScaledObject];

export async function installKind(client: KubeClient, kind: Kind): Promise<void> {
  const [group = '', version = ''] = kind.apiVersion.split('/');
  await client.create({
    apiVersion: KINDS.CustomResourceDefinition.apiVersion,
    kind: KINDS.CustomResourceDefinition.kind,
    metadata: { name: nameOf(kind), annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: kind.kind, plural: kind.plural, singular: kind.kind.toLowerCase() },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  });
  await until(
    async () => {
      const found = await client.get(KINDS.CustomResourceDefinition, { name: nameOf(kind) });
      const { conditions } = definition.parse(found).status;
      return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
    },
    { what: `${kind.kind} being served` },
  );
}

/** With all objects of the kind. Resolves when it is gone. */
export async function removeKind(client: KubeClient, kind: Kind): Promise<void> {
  await client.delete(KINDS.CustomResourceDefinition, { name: nameOf(kind) });
  await until(async () => (await client.get(KINDS.CustomResourceDefinition, { name: nameOf(kind) })) === undefined, {
    what: `${kind.kind} being gone`,
  });
}

function nameOf({ apiVersion, plural }: Kind): string {
  return `${plural}.${apiVersion.split('/')[0]}`;
}
