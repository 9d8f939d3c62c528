import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { command } from '../command.ts';
import { PAUSE_IMAGE } from '../kubernetes/files.ts';
import { inState } from '../paths.ts';
import { progress } from '../progress.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { ImageBuilder } from './builder.ts';
import { buildLocalImages } from './local-images.ts';
import { BASE_IMAGE, HAPROXY_IMAGE, LOCAL_REGISTRY, NATS_IMAGE, OTHER_TAG, TAG } from './names.ts';

const BUILT = [`${LOCAL_REGISTRY}/sync-pod:${TAG}`, `${LOCAL_REGISTRY}/operator:${TAG}`];

/** Builds all images, those of EtherPly from their Dockerfiles. @returns the files, by image */
export async function buildImages(sources: string): Promise<Record<string, string>> {
  const builder = await ImageBuilder.create();
  await buildLocalImages(builder, sources);
  progress('building the images of the sync pod and the operator');
  await command('node', [join(sources, 'scripts/images.mjs')], {
    cwd: sources,
    env: { ...builder.environment, BUILDER: 'buildah', REGISTRY: LOCAL_REGISTRY, TAG, BASE_IMAGE },
  });
  const files: Record<string, string> = {};
  for (const image of [PAUSE_IMAGE, HAPROXY_IMAGE, NATS_IMAGE, ...BUILT]) files[image] = await builder.save(image);
  return files;
}

/** What is left of builds that were ended; where nothing was ever built, that is nothing. */
export async function removeUnfinishedBuilds(): Promise<void> {
  if (existsSync('/usr/bin/buildah')) await (await ImageBuilder.create()).removeUnfinished();
}

/** Has the containerd of a cluster know the images. */
export async function importImages(sandbox: Sandbox, files: Readonly<Record<string, string>>): Promise<void> {
  const [nsenter, ...prefix] = sandbox.prefix;
  const images = (...args: readonly string[]) =>
    command(nsenter, [...prefix, 'ctr', '-a', inState('containerd.sock'), '-n', 'k8s.io', 'images', ...args]);
  await mkdir(inState('imported'), { recursive: true });
  for (const [image, file] of Object.entries(files)) {
    const done = inState('imported', basename(file));
    if (existsSync(done)) continue;
    progress(`importing ${image}`);
    await images('import', file);
    await writeFile(done, '');
  }
  for (const image of BUILT) {
    await images('tag', '--force', image, image.replace(`:${TAG}`, `:${OTHER_TAG}`));
  }
}
