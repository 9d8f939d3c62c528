import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { withBuildLock } from '../tools/build-lock.mjs';
import { goPrograms } from '../tools.mjs';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'etherply-tools-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('builds with the same lock are made one after another', async () => {
  const file = join(folder, 'lock');
  const order: string[] = [];
  const build = (name: string) =>
    withBuildLock(file, async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
    });
  await build('a');
  await Promise.all([build('b'), withBuildLock(join(folder, 'another'), () => build('c'))]);
  expect(order.map((step) => step.split(' ')[1])).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends']);
});

test('the lock of a process that was killed does not count', async () => {
  const file = join(folder, 'lock');
  const killed = spawn('sleep', ['1000']);
  await once(killed, 'spawn');
  await writeFile(file, String(killed.pid));
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  let content = '';
  await withBuildLock(file, async () => {
    content = await readFile(file, 'utf8');
  });
  expect(content).toBe(String(process.pid));
  await expect(access(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a build that fails gives its lock up', async () => {
  const file = join(folder, 'lock');
  const failed = withBuildLock(file, () => Promise.reject(new Error('it does not compile')));
  await expect(failed).rejects.toThrow('it does not compile');
  await expect(access(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a program that the environment names is taken as it is, and must be one', async () => {
  process.env.KUBE_APISERVER = process.execPath;
  try {
    expect(await goPrograms('kube-apiserver')).toEqual({ 'kube-apiserver': process.execPath });
    process.env.KUBE_APISERVER = join(folder, 'nothing');
    await expect(goPrograms('kube-apiserver')).rejects.toThrow(/^KUBE_APISERVER: .*nothing is no program/);
  } finally {
    delete process.env.KUBE_APISERVER;
  }
});
