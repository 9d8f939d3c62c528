import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SetupError } from '../setup-error.mjs';

const run = promisify(execFile);
/** Of what the compiler printed, so many characters are told. */
const LAST_CHARACTERS = 2_000;

/**
 * Builds programs into `<cache>/<name>-<version>`. What is there is always whole.
 * @param {import('./go-sources.mjs').GoSource} source
 * @param {readonly string[]} names
 * @param {string} cache a folder that exists
 * @throws SetupError
 */
export async function buildGoPrograms(source, names, cache) {
  if (names.length === 0) return;
  const folder = await mkdtemp(join(cache, 'build-'));
  try {
    await writeFile(join(folder, 'go.mod'), await goMod(source));
    for (const name of names) {
      const started = Date.now();
      process.stderr.write(`building ${name} ${source.version}, once: this takes some minutes\n`);
      const flags = ['-mod=mod', '-ldflags', `-s -w ${source.ldflags ?? ''}`.trim(), '-o', name];
      await run('go', ['build', ...flags, source.programs[name]], { cwd: folder });
      await rename(join(folder, name), join(cache, `${name}-${source.version}`));
      process.stderr.write(`built ${name} in ${Math.round((Date.now() - started) / 1000)} s\n`);
    }
  } catch (error) {
    if (error.code === 'ENOENT') {
      throw new SetupError(`there is no Go 1.25 or later, which builds ${names}: install it (https://go.dev/dl)`);
    }
    const printed = String(error.stderr ?? error).slice(-LAST_CHARACTERS);
    throw new SetupError(`Go could not build ${names}:\n${printed}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A module that only requires another one. Kubernetes' go.mod has its parts come from folders beside it, which a module
 * that requires it cannot; they are published under the version v0.<minor>.<patch>.
 * @param {import('./go-sources.mjs').GoSource} source
 */
async function goMod({ module, version }) {
  const { stdout: download } = await run('go', ['mod', 'download', '-json', `${module}@${version}`]);
  const { stdout } = await run('go', ['mod', 'edit', '-json', JSON.parse(download).GoMod]);
  const staged = (JSON.parse(stdout).Replace ?? []).filter(({ New }) => New.Path.startsWith('./staging/'));
  const replaced = staged.map(({ Old }) => `replace ${Old.Path} => ${Old.Path} ${version.replace(/^v1\./, 'v0.')}\n`);
  return `module tools\n\ngo 1.25.0\n\nrequire ${module} ${version}\n\n${replaced.join('')}`;
}
