// What the chart makes with its defaults, for those who use kustomize.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';

const run = promisify(execFile);

/** What objects are made for: Helm itself may have been built without knowing one. */
const KUBE_VERSION = '1.35.0';
const HEAD = '# Generated from helm/etherply by `npm run chart`: change it there.\n';
const RBAC = /^(ServiceAccount|(Cluster)?Role(Binding)?)$/;
/** What only Helm reads. */
const OF_HELM = /^(helm\.sh\/.*|app\.kubernetes\.io\/managed-by)$/;

/**
 * @param {string} helm path of the program
 * @param {string} chart its folder
 * @returns {Promise<Record<string, string>>} the texts of files of manifests/base; the CustomResourceDefinition is in crds/
 */
export async function manifestTexts(helm, chart) {
  const flags = [
    '--namespace',
    'etherply-system',
    '--kube-version',
    KUBE_VERSION,
    '--no-hooks',
    '--set',
    'crds.install=false',
  ];
  const { stdout } = await run(helm, ['template', 'etherply', chart, ...flags]);
  const objects = parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .filter((object) => object !== null)
    .map(withoutHelm);
  const text = (wanted) =>
    HEAD + wanted.map((object) => stringify(object, { lineWidth: 120, aliasDuplicateObjects: false })).join('---\n');
  return {
    'rbac.yaml': text(objects.filter(({ kind }) => RBAC.test(kind))),
    'operator.yaml': text(objects.filter(({ kind }) => !RBAC.test(kind))),
  };
}

function withoutHelm(value) {
  if (Array.isArray(value)) return value.map(withoutHelm);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !OF_HELM.test(name));
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutHelm(one)]));
}
