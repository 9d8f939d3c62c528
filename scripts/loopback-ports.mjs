import { once } from 'node:events';
import { createServer } from 'node:net';
import { SetupError } from './setup-error.mjs';

/**
 * Below those that systems give to outgoing connections, one of which could come before whoever is to listen.
 * Processes that choose at the same time choose from different ones, as far as there are: nobody listens on a port until
 * whom it is for has started, either.
 */
const [PORTS_EACH, PROCESSES] = [1000, 20];
const FIRST = 12_000 + (process.pid % PROCESSES) * PORTS_EACH;

/** @type {Set<number>} */
const given = new Set();

/**
 * Ports of 127.0.0.1 that nobody listens on, all different.
 * @param {readonly number[]} wanted 0: any port, and never the same twice
 * @returns {Promise<number[]>} in the same order
 * @throws SetupError where a port is in use or cannot be had
 */
export async function loopbackPorts(wanted) {
  const servers = [];
  try {
    // All are open at once: the system could give a port that was closed again a second time.
    for (const port of wanted) servers.push(await (port === 0 ? listenAnywhere() : listen(port)));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

async function listenAnywhere() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * PORTS_EACH);
    if (given.has(port)) continue;
    given.add(port);
    const server = await listen(port).catch(() => undefined); // somebody else has it
    if (server !== undefined) return server;
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
