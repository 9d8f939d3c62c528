// What tests and `make cluster` need besides packages: found on this machine, or built once into a cache outside the tree.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const NATS_MODULE = 'github.com/nats-io/nats-server/v2';
const NATS_VERSION = 'v2.15.2';
/** From this version on the stream works as docs/operations/jetstream.md says. */
const NATS_LEAST = [2, 12];

/** @type {Promise<string> | undefined} */
let found;

/**
 * The path of a nats-server that is new enough: the one that NATS_SERVER names, the one on PATH, or one that is built.
 * @returns {Promise<string>}
 */
export function natsServer() {
  found ??= findNatsServer();
  return found;
}

/** @returns {Promise<string>} */
async function findNatsServer() {
  const given = process.env.NATS_SERVER;
  if (given) {
    if (await isNewEnough(given)) return given;
    throw new Error(`NATS_SERVER: ${given} is no nats-server of version ${NATS_LEAST.join('.')} or later`);
  }
  if (await isNewEnough('nats-server')) return 'nats-server';
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'etherply', 'bin');
  const path = join(cache, `nats-server-${NATS_VERSION}`);
  if (await isExecutable(path)) return path;
  await build(cache, path);
  return path;
}

/**
 * @param {string} cache
 * @param {string} path
 */
async function build(cache, path) {
  await mkdir(cache, { recursive: true });
  // Another process may be building it, too: what is there is always whole.
  const dir = await mkdtemp(join(cache, 'build-'));
  process.stderr.write(`building nats-server ${NATS_VERSION}, once: this takes some minutes\n`);
  try {
    await run('go', ['install', `${NATS_MODULE}@${NATS_VERSION}`], { env: { ...process.env, GOBIN: dir } });
    await rename(join(dir, 'nats-server'), path);
  } catch (error) {
    const advice = `install nats-server ${NATS_LEAST.join('.')} or later (https://docs.nats.io), or Go, which builds it`;
    throw new Error(`there is no nats-server: ${advice}`, { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param {string} path */
async function isNewEnough(path) {
  try {
    const { stdout } = await run(path, ['--version']);
    const [major = 0, minor = 0] = /v(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
    const [leastMajor = 0, leastMinor = 0] = NATS_LEAST;
    return major > leastMajor || (major === leastMajor && minor >= leastMinor);
  } catch {
    return false; // there is none
  }
}

/** @param {string} path */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
