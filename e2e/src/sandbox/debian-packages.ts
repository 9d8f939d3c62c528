import { existsSync } from 'node:fs';
import { command } from '../command.ts';
import { progress } from '../progress.ts';

/** What must be there, and the package of Debian that has it. */
const FILES: Readonly<Record<string, string>> = {
  '/usr/bin/containerd': 'containerd',
  '/usr/sbin/runc': 'runc',
  '/usr/lib/cni/ptp': 'containernetworking-plugins',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/conntrack': 'conntrack',
  '/usr/sbin/ip': 'iproute2',
  '/usr/bin/nsenter': 'util-linux',
  '/usr/bin/buildah': 'buildah',
  '/usr/bin/busybox': 'busybox-static',
  '/usr/bin/mmdebstrap': 'mmdebstrap',
};

/** Installs what is missing. @throws where that cannot be, with what to do */
export async function installPackages(): Promise<void> {
  const missing = Object.entries(FILES).filter(([file]) => !existsSync(file));
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name);
  if (!existsSync('/usr/bin/apt-get')) {
    const files = missing.map(([file]) => file).join(', ');
    throw new Error(`this takes ${files}, which Debian has in ${packages.join(', ')}: install them, or use a Debian`);
  }
  progress(`installing ${packages.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await command('apt-get', ['update', '-q'], { env });
  await command('apt-get', ['install', '-yq', '--no-install-recommends', ...packages], { env });
}
