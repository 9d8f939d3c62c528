import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../command.ts';
import { CACHE } from '../paths.ts';

const ARCHIVES = join(CACHE, 'archives');

/** buildah with a store of its own, in which layers are kept for the next time. */
export class ImageBuilder {
  readonly #env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  static async create(): Promise<ImageBuilder> {
    const conf = join(CACHE, 'storage.conf');
    const store = join(CACHE, 'containers');
    await mkdir(store, { recursive: true });
    const text = `[storage]\ndriver = "overlay"\ngraphroot = "${store}"\nrunroot = "${join(CACHE, 'containers-run')}"\n`;
    await writeFile(conf, text);
    // No daemon and no namespaces: it builds in containers, too.
    return new ImageBuilder({ ...process.env, CONTAINERS_STORAGE_CONF: conf, BUILDAH_ISOLATION: 'chroot' });
  }

  /** What has buildah find the store. */
  get environment(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** Removes what builds that were ended have left, and unmounts it. Images stay. */
  async removeUnfinished(): Promise<void> {
    await command('buildah', ['rm', '--all'], { env: this.#env });
  }

  async has(image: string): Promise<boolean> {
    const found = await command('buildah', ['images', '--quiet', '--filter', `reference=${image}`], { env: this.#env });
    return found.trim() !== '';
  }

  /** @param context the folder that the Dockerfile copies from */
  async build(image: string, dockerfile: string, context: string, args: Record<string, string> = {}): Promise<void> {
    const flags = Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`);
    await command('buildah', ['build', ...flags, `--file=${dockerfile}`, `--tag=${image}`, context], {
      env: this.#env,
    });
  }

  /** Writes an image as an archive that containerd imports, where it is not yet there. @returns its path, by the image's id */
  async save(image: string): Promise<string> {
    const flags = ['images', '--quiet', '--no-trunc', '--filter', `reference=${image}`];
    const id = (await command('buildah', flags, { env: this.#env })).trim().replace(':', '-');
    const name = `${image.replaceAll(/[/:]/g, '-')}.`;
    const file = join(ARCHIVES, `${name}${id}.tar`);
    if (existsSync(file)) return file;
    await mkdir(ARCHIVES, { recursive: true });
    for (const old of await readdir(ARCHIVES)) if (old.startsWith(name)) await rm(join(ARCHIVES, old));
    const unfinished = join(ARCHIVES, 'unfinished');
    await rm(unfinished, { force: true });
    await command('buildah', ['push', '--quiet', image, `oci-archive:${unfinished}:${image}`], { env: this.#env });
    await rename(unfinished, file);
    return file;
  }
}
