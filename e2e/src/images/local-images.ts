import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { goPrograms } from '../../../scripts/tools.mjs';
import { command } from '../command.ts';
import { PAUSE_IMAGE } from '../kubernetes/files.ts';
import { CACHE } from '../paths.ts';
import { progress } from '../progress.ts';
import type { ImageBuilder } from './builder.ts';
import { BASE_IMAGE, HAPROXY_IMAGE, NATS_IMAGE } from './names.ts';

/**
 * Builds what would else come from registries, where it is not yet there.
 * @param sources the root of the repository
 */
export async function buildLocalImages(builder: ImageBuilder, sources: string): Promise<void> {
  const dockerfile = (name: string) => join(sources, 'e2e/images', `Dockerfile.${name}`);
  const makers: Record<string, (context: string) => Promise<void>> = {
    [BASE_IMAGE]: async (context) => {
      const root = join(context, 'root');
      await command('bash', [join(sources, 'e2e/images/base-root.sh'), root]);
      await command('tar', ['--create', `--directory=${root}`, `--file=${join(context, 'root.tar')}`, '.']);
      await rm(root, { recursive: true });
      await builder.build(BASE_IMAGE, dockerfile('base'), context);
    },
    [HAPROXY_IMAGE]: (context) => builder.build(HAPROXY_IMAGE, dockerfile('haproxy'), context, { BASE_IMAGE }),
    [NATS_IMAGE]: async (context) => {
      const { 'nats-server': server } = await goPrograms('nats-server');
      await copyFile(server, join(context, 'nats-server'));
      await builder.build(NATS_IMAGE, dockerfile('nats'), context, { BASE_IMAGE });
    },
    [PAUSE_IMAGE]: async (context) => {
      await copyFile('/usr/bin/busybox', join(context, 'busybox'));
      await builder.build(PAUSE_IMAGE, dockerfile('pause'), context);
    },
  };
  for (const [image, make] of Object.entries(makers)) {
    if (await builder.has(image)) continue;
    progress(`building ${image}, once`);
    const context = join(CACHE, 'context');
    await rm(context, { recursive: true, force: true });
    await mkdir(context, { recursive: true });
    await make(context);
    await rm(context, { recursive: true });
  }
}
