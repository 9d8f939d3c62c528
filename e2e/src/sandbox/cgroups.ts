import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
/** Below it is all that the kubelet makes. */
export const CGROUP = '/etherply-e2e';

/** The hierarchies: one of cgroup v2, or several of v1. */
async function hierarchies(): Promise<string[]> {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  const names = existsSync(ROOT) ? await readdir(ROOT) : [];
  return names.map((name) => join(ROOT, name)).filter((path) => existsSync(join(path, 'cgroup.procs')));
}

/** @throws where the machine has no cgroups, or they cannot be written */
export async function makeCgroups(): Promise<void> {
  const all = await hierarchies();
  if (!all.some((path) => path === ROOT || path.endsWith('/memory'))) {
    throw new Error(`there are no cgroups below ${ROOT}: a kubelet needs them`);
  }
  for (const path of all) await mkdir(join(path, CGROUP), { recursive: true });
}

/** Removes them; no process may be in them. */
export async function removeCgroups(): Promise<void> {
  for (const path of await hierarchies()) await removeTree(join(path, CGROUP));
}

async function removeTree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(path, entry.name));
  }
  await rmdir(path);
}

/** Whether processes are left in them. */
export async function cgroupsAreEmpty(): Promise<boolean> {
  for (const path of await hierarchies()) {
    if (await hasProcesses(join(path, CGROUP))) return false;
  }
  return true;
}

async function hasProcesses(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  if ((await readFile(join(path, 'cgroup.procs'), 'utf8')) !== '') return true;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory() && (await hasProcesses(join(path, entry.name)))) return true;
  }
  return false;
}
