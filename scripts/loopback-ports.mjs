import { once } from 'node:events';
import { createServer } from 'node:net';
import { SetupError } from './setup-error.mjs';

/**
 * Ports of 127.0.0.1 that nobody listens on, all different.
 * @param {readonly number[]} wanted 0: any port
 * @returns {Promise<number[]>} in the same order
 * @throws SetupError where a port is in use or cannot be had
 */
export async function loopbackPorts(wanted) {
  const servers = [];
  try {
    // All are open at once: the system could give a port that was closed again a second time.
    for (const port of wanted) servers.push(await listen(port));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

/** @param {number} port */
async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new SetupError(`cannot listen on 127.0.0.1:${port} (${cause.code}): set another one as PORT`, { cause });
  }
  return server;
}

/** @param {import('node:net').Server} server */
function portOf(server) {
  return server.address().port;
}

/** @param {import('node:net').Server} server */
async function close(server) {
  server.close();
  await once(server, 'close');
}
