import { stringify } from 'yaml';
import { customResourceDefinition } from './crd.ts';

/** The text of crds/etherplyclusters.yaml. */
export function crdText(): string {
  const head = '# Generated from operator/src/api by `npm run crds`: change it there.\n';
  return head + stringify(customResourceDefinition(), { lineWidth: 120, aliasDuplicateObjects: false });
}
