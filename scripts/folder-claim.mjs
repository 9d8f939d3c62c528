import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join, relative } from 'node:path';
import { SetupError } from './setup-error.mjs';

/**
 * Claims a folder for this process until it ends: nats-server would open a store that another one is using.
 * @param {string} folder it must exist
 * @throws SetupError where another process has it
 */
export async function claimFolder(folder) {
  // The path of a socket may be 100 bytes long, about: from here it is the shortest.
  const path = relative('', join(folder, 'claim.sock'));
  if (await isAnswered(path)) {
    throw new SetupError(`${folder} is in use by another cluster: end that one, or set another folder with --data`);
  }
  await rm(path, { force: true }); // left by a process that was killed
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  server.unref();
}

/** @param {string} path */
async function isAnswered(path) {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
