import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 500;

/**
 * Runs `build` in one process at a time. The lock of a process that was killed does not count. That two builds run at
 * once is still possible then, and harmless: it is only slower.
 * @param {string} file its folder must exist
 * @param {() => Promise<void>} build
 */
export async function withBuildLock(file, build) {
  await lock(file);
  try {
    await build();
  } finally {
    await rm(file, { force: true });
  }
}

/** @param {string} file */
async function lock(file) {
  for (let isWaiting = false; ; isWaiting = true) {
    if (await create(file)) return;
    const owner = await readFile(file, 'utf8').catch(() => '');
    if (owner !== '' && !isRunning(Number(owner))) {
      await rm(file, { force: true });
      continue;
    }
    if (!isWaiting) process.stderr.write(`waiting for process ${owner}, which builds: ${file} says so\n`);
    await sleep(POLL_MS);
  }
}

/**
 * Makes the file with its content, at once.
 * @param {string} file
 * @returns {Promise<boolean>} false where it is there already
 */
async function create(file) {
  const own = `${file}.${randomUUID()}`;
  await writeFile(own, String(process.pid));
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM'; // it runs as somebody else
  }
}
