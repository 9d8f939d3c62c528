// What tests and `make cluster` need besides packages: found on this machine, or built once into a cache outside the tree.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SetupError } from './setup-error.mjs';

const run = promisify(execFile);

const NATS_MODULE = 'github.com/nats-io/nats-server/v2';
const NATS_VERSION = 'v2.15.2';
/** From this version on the stream works as docs/operations/jetstream.md says. */
const NATS_LEAST = [2, 12];
/** The first version with `balance hash`. */
const HAPROXY_LEAST = [2, 6];
/** Debian keeps it where only root looks. */
const HAPROXY_PATHS = ['haproxy', '/usr/sbin/haproxy'];

/** @type {Promise<string> | undefined} */
let found;

/**
 * The path of a nats-server that is new enough: the one that NATS_SERVER names, the one on PATH, or one that is built.
 * @returns {Promise<string>}
 * @throws SetupError where there is none
 */
export function natsServer() {
  found ??= findNatsServer();
  return found;
}

/**
 * The path of an HAProxy that is new enough: the one that HAPROXY names, or the one that is installed.
 * @returns {Promise<string>}
 * @throws SetupError where there is none
 */
export async function haproxy() {
  const given = process.env.HAPROXY;
  for (const path of given ? [given] : HAPROXY_PATHS) {
    if (await isNewEnough(path, '-v', HAPROXY_LEAST)) return path;
  }
  const least = HAPROXY_LEAST.join('.');
  if (given) throw new SetupError(`HAPROXY: ${given} is no HAProxy of version ${least} or later`);
  throw new SetupError(
    `there is no HAProxy of version ${least} or later: install it with \`apt-get install haproxy\` or \`brew install haproxy\``,
  );
}

/** @returns {Promise<string>} */
async function findNatsServer() {
  const given = process.env.NATS_SERVER;
  if (given) {
    if (await isNewEnough(given, '--version', NATS_LEAST)) return given;
    throw new SetupError(`NATS_SERVER: ${given} is no nats-server of version ${NATS_LEAST.join('.')} or later`);
  }
  if (await isNewEnough('nats-server', '--version', NATS_LEAST)) return 'nats-server';
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
    throw new SetupError(`there is no nats-server: ${advice}`, { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @param {string} flag makes it print its version
 * @param {readonly number[]} least major and minor version
 */
async function isNewEnough(path, flag, [leastMajor = 0, leastMinor = 0]) {
  try {
    const { stdout } = await run(path, [flag]);
    const [major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
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
