import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { clusterSpec } from '../src/api/cluster.ts';
import { customResourceDefinition } from '../src/api/crd.ts';
import { crdText } from '../src/api/crd-text.ts';

const MINIMAL = { auth: { secretRef: { name: 'jwt' } } };

/** Every part of a JSON schema, with where it is. */
function* partsOf(schema: unknown, path = 'spec'): Iterable<[path: string, part: Record<string, unknown>]> {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return;
  const part = Object.fromEntries(Object.entries(schema));
  yield [path, part];
  for (const [name, one] of Object.entries(part.properties ?? {})) yield* partsOf(one, `${path}.${name}`);
  if (part.items !== undefined) yield* partsOf(part.items, `${path}[]`);
  if (part.additionalProperties !== undefined) yield* partsOf(part.additionalProperties, `${path}{}`);
}

function specSchema(): unknown {
  const [version] = customResourceDefinition().spec.versions;
  return version?.schema.openAPIV3Schema.properties.spec;
}

test('crds/etherplyclusters.yaml is what the schema says; `npm run crds` writes it', async () => {
  expect(await readFile(new URL('../../crds/etherplyclusters.yaml', import.meta.url), 'utf8')).toBe(crdText());
});

describe('every field', () => {
  test.each([...partsOf(specSchema())])(
    '%s has a type, and words that make no schema of Kubernetes are absent',
    (_, part) => {
      expect(part['x-kubernetes-preserve-unknown-fields'] ?? part.type).toBeDefined();
      for (const word of ['anyOf', 'oneOf', 'allOf', 'const', 'propertyNames', '$ref', 'exclusiveMinimum']) {
        expect(part).not.toHaveProperty([word]);
      }
    },
  );

  test.each([...partsOf(specSchema())].filter(([path]) => !/[\]}]$/.test(path)))('%s has a description', (_, part) => {
    expect(part.description).toMatch(/\.$/);
  });
});

test('a spec with nothing but who may come in is filled in', () => {
  expect(clusterSpec.parse(MINIMAL)).toMatchObject({
    replicas: 3,
    strategy: 'automerge',
    ack: 'replicated',
    storage: { shards: 1, size: '10Gi', retain: 'Retain' },
    nats: { managed: { replicas: 1 } },
    stream: { retention: 'limits', replicas: 1, duplicateWindow: '120s', deletion: 'Retain' },
    ingress: { mode: 'router' },
    networkPolicy: { enabled: true },
    paused: false,
    podTemplate: { terminationGracePeriodSeconds: 60 },
  });
});

test.each([
  ['no pods', { replicas: 0 }],
  ['two NATS servers', { nats: { managed: { replicas: 2 } } }],
  ['a size that is none', { storage: { size: 'much' } }],
  ['a URL of another kind', { webhook: { url: 'ftp://hook', secretRef: { name: 's' } } }],
  ['an unknown strategy', { strategy: 'last' }],
])('%s is refused', (_, wrong) => {
  expect(clusterSpec.safeParse({ ...MINIMAL, ...wrong }).success).toBe(false);
});

test('the default of an object has those of its fields, which its rules are about', () => {
  const parts = [...partsOf(specSchema())].filter(([, part]) => part.default instanceof Object && 'properties' in part);
  expect(parts.length).toBeGreaterThan(5);
  for (const [, { default: whole, properties }] of parts) {
    for (const [name, field] of Object.entries(properties ?? {})) {
      if ('default' in field) expect(whole).toHaveProperty([name]);
    }
  }
});
