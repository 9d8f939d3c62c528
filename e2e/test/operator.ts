import { join } from 'node:path';
import { images, SOURCES } from './environment.ts';
import { helm } from './kubectl.ts';

export const OPERATOR_NAMESPACE = 'etherply-system';
const RELEASE = 'etherply';

/** Installs the operator's chart, or upgrades it, and waits until it is ready. */
export async function installOperator(...flags: readonly string[]): Promise<void> {
  await install(
    'helm/etherply',
    `--set=image.repository=${images.registry}/operator,image.tag=${images.tag}`,
    ...flags,
  );
}

/** Installs what the version of the chart before this one makes, also over this one. */
export async function installPreviousVersion(): Promise<void> {
  await install('e2e/previous-chart', `--set=operatorImage=${images.registry}/operator:${images.tag}`);
}

async function install(chart: string, ...flags: readonly string[]): Promise<void> {
  const where = [`--namespace=${OPERATOR_NAMESPACE}`, '--create-namespace'];
  await helm('upgrade', RELEASE, join(SOURCES, chart), '--install', ...where, '--wait', '--timeout=5m', ...flags);
}

/** The definition of EtherPlyCluster stays, and so do the clusters. */
export async function uninstallOperator(): Promise<void> {
  await helm('uninstall', RELEASE, `--namespace=${OPERATOR_NAMESPACE}`, '--wait', '--timeout=5m');
}
