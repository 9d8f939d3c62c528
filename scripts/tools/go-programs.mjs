// Servers and commands that are written in Go: named by the environment, or built once into a cache outside the tree.
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from '../setup-error.mjs';
import { withBuildLock } from './build-lock.mjs';
import { buildGoPrograms } from './go-build.mjs';
import { GO_SOURCES } from './go-sources.mjs';

/**
 * The paths of programs: the ones that the environment names (KUBE_APISERVER for kube-apiserver), or ones of the pinned
 * versions, that are built where they are not yet there.
 * @param {readonly string[]} names of go-sources.mjs
 * @returns {Promise<Record<string, string>>}
 * @throws SetupError where one can't be had
 */
export async function goPrograms(...names) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'etherply', 'bin');
  await mkdir(cache, { recursive: true });
  const paths = {};
  for (const source of GO_SOURCES) {
    const wanted = names.filter((name) => name in source.programs);
    Object.assign(paths, await programsOf(source, wanted, cache));
  }
  const unknown = names.filter((name) => !(name in paths));
  if (unknown.length > 0) throw new Error(`go-sources.mjs does not have ${unknown.join(', ')}`);
  return paths;
}

/**
 * The version that is pinned of one of them.
 * @param {string} name
 */
export function goVersion(name) {
  const source = GO_SOURCES.find(({ programs }) => name in programs);
  if (source === undefined) throw new Error(`go-sources.mjs does not have ${name}`);
  return source.version;
}

/**
 * @param {import('./go-sources.mjs').GoSource} source
 * @param {readonly string[]} names
 * @param {string} cache
 */
async function programsOf(source, names, cache) {
  const paths = {};
  for (const name of names) paths[name] = (await given(name)) ?? join(cache, `${name}-${source.version}`);
  const missing = () => filterAsync(names, async (name) => !(await isExecutable(paths[name])));
  if ((await missing()).length === 0) return paths;
  await withBuildLock(join(cache, `${source.module.replaceAll('/', '-')}.lock`), async () => {
    // Whoever had the lock before may have built them.
    await buildGoPrograms(source, await missing(), cache);
  });
  return paths;
}

/**
 * @param {string} name
 * @returns {Promise<string | undefined>} the path that the environment names
 */
async function given(name) {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const path = process.env[variable];
  if (!path) return undefined;
  if (await isExecutable(path)) return path;
  throw new SetupError(`${variable}: ${path} is no program: set the path of ${name}, or nothing to have it built`);
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<boolean>} holds
 */
async function filterAsync(items, holds) {
  const verdicts = await Promise.all(items.map(holds));
  return items.filter((_, at) => verdicts[at]);
}

/** @param {string} path */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
