import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { inRepository } from './commands.ts';

const packageFile = z.object({
  workspaces: z.array(z.string()).default([]),
  dependencies: z.record(z.string(), z.string()).default({}),
});

async function packageOf(folder: string) {
  return packageFile.parse(JSON.parse(await readFile(inRepository(`${folder}/package.json`), 'utf8')));
}

/** The workspaces that one is built upon, and itself. */
async function builtUpon(workspace: string): Promise<string[]> {
  const { dependencies } = await packageOf(workspace);
  const ours = Object.keys(dependencies).flatMap((name) => name.match(/^@etherply\/(.*)$/)?.slice(1) ?? []);
  return [...new Set([...(await Promise.all(ours.map(builtUpon))).flat(), workspace])];
}

describe.each(['sync-pod', 'operator'])('%s/Dockerfile', (workspace) => {
  const read = () => readFile(inRepository(`${workspace}/Dockerfile`), 'utf8');

  test('gives npm every workspace of the lockfile', async () => {
    const { workspaces } = await packageOf('.');
    const text = await read();
    for (const one of workspaces) expect(text).toContain(`COPY ${one}/package.json ${one}/\n`);
  });

  test('builds and takes along what it depends on', async () => {
    const names = (await builtUpon(workspace)).join(' ');
    const text = await read();
    expect(text).toContain(`node scripts/build.mjs ${names}\n`);
    expect(text).toContain(`cp -R package.json node_modules ${names} /out/app`);
    const ignored = await readFile(inRepository('.dockerignore'), 'utf8');
    for (const one of await builtUpon(workspace)) expect(ignored).toContain(`!${one}/src\n`);
  });

  test('runs as a user with a number, which is not root', async () => {
    expect(await read()).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });
});
