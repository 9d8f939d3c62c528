import { z } from 'zod';
import { clusterSpec, clusterStatus } from './cluster.ts';
import { withWholeDefaults } from './whole-defaults.ts';

/** The API group of EtherPly. */
export const GROUP = 'etherply.io';
export const VERSION = 'v1alpha1';
export const KIND = 'EtherPlyCluster';

type JsonSchema = Record<string, unknown>;

/** The CustomResourceDefinition, as the schema says it. */
export function customResourceDefinition() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `etherplyclusters.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: KIND,
        listKind: `${KIND}List`,
        plural: 'etherplyclusters',
        singular: 'etherplycluster',
        shortNames: ['epc'],
        categories: ['all'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: [
            { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Available")].status' },
            { name: 'Pods', type: 'integer', jsonPath: '.status.readyReplicas' },
            { name: 'Strategy', type: 'string', jsonPath: '.spec.strategy' },
            { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'A cluster of sync pods that replicate workspaces among each other.',
              required: ['spec'],
              'x-kubernetes-validations': [
                {
                  rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                  message:
                    'choose a name of lower case letters, digits and -, that begins with a letter: Services have it, too',
                },
              ],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: {
                  type: 'object',
                  // Names of pods are labels, and get longer than this.
                  properties: { name: { type: 'string', maxLength: 40 } },
                },
                spec: structural(clusterSpec),
                status: structural(clusterStatus),
              },
            },
          },
        },
      ],
    },
  };
}

/** The schema in the form that Kubernetes takes: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ */
function structural(schema: z.ZodType): JsonSchema {
  const whole = z.toJSONSchema(schema, {
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => {
      // Keys of an object are always texts; and each value has one type.
      delete jsonSchema.propertyNames;
      if (jsonSchema.anyOf !== undefined && jsonSchema.enum !== undefined) delete jsonSchema.anyOf;
      if (jsonSchema['x-kubernetes-preserve-unknown-fields'] === true) delete jsonSchema.additionalProperties;
    },
  });
  const { $schema: _, ...rest } = withWholeDefaults(whole);
  return rest;
}
