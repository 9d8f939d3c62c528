import { join } from 'node:path';
import { images, SOURCES } from './environment.ts';
import { helm } from './kubectl.ts';

export const OPERATOR_NAMESPACE = 'etherply-system';
const RELEASE = 'etherply';

/** Installs the operator's chart, or upgrades it, and waits until it is ready. */
export async function installOperator(...flags: readonly string[]): Promise<void> {
  await helm(
    'upgrade',
    RELEASE,
    join(SOURCES, 'helm/etherply'),
    '--install',
    `--namespace=${OPERATOR_NAMESPACE}`,
    '--create-namespace',
    `--set=image.repository=${images.registry}/operator,image.tag=${images.tag}`,
    '--wait',
    '--timeout=5m',
    ...flags,
  );
}

/** The definition of EtherPlyCluster stays, and so do the clusters. */
export async function uninstallOperator(): Promise<void> {
  await helm('uninstall', RELEASE, `--namespace=${OPERATOR_NAMESPACE}`, '--wait', '--timeout=5m');
}
