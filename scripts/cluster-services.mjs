import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { haproxyConfig } from './haproxy.mjs';
import { loopbackPorts } from './loopback-ports.mjs';

/** @typedef {{ name: string, url: string, port: number, pid: number | undefined }} Service */
/** @typedef {{ haproxy: Service, pods: Service[], nats: Service }} Services */

const POD = fileURLToPath(new URL('../sync-pod/dist/main.js', import.meta.url));
const READY_MS = 60_000;
const ASK_AGAIN_MS = 100;
/** Less than the group waits before it kills. */
const POD_SHUTDOWN_SECONDS = 8;

/**
 * Ports for all services.
 * @param {{ port: number, pods: number }} options port: that of HAProxy, 0 for any
 * @throws SetupError where the port is in use
 */
export async function choosePorts({ port, pods }) {
  const any = Array.from({ length: pods }, () => 0);
  const [haproxy, nats, ...ofPods] = await loopbackPorts([port, 0, ...any]);
  return { haproxy, nats, pods: ofPods };
}

/**
 * Starts nats-server, the pods and HAProxy; resolves when all serve.
 * @param {import('./process-group.mjs').ProcessGroup} group
 * @param {object} setup
 * @param {{ haproxy: string, natsServer: string }} setup.programs
 * @param {Awaited<ReturnType<typeof choosePorts>>} setup.ports
 * @param {string} setup.folder where data goes
 * @param {string} setup.secret what tokens are signed with
 * @returns {Promise<Services>}
 */
export async function startServices(group, { programs, ports, folder, secret }) {
  const nats = service('nats', 'nats', ports.nats);
  const pods = ports.pods.map((port, index) => service(`pod-${index + 1}`, 'http', port));
  const haproxy = service('haproxy', 'http', ports.haproxy);
  const configFile = join(folder, 'haproxy.cfg');
  await writeFile(configFile, haproxyConfig({ port: haproxy.port, pods }));

  [nats.pid] = group.start([natsProgram(programs.natsServer, nats, folder)]);
  // All of them read the same settings, but for what makes one pod differ from another.
  const env = { ...process.env, ETHERPLY_NATS_URL: nats.url, ETHERPLY_JWT_SECRET: secret };
  const pids = group.start(pods.map((pod) => podProgram(pod, folder, env)));
  for (const [index, pod] of pods.entries()) pod.pid = pids[index];
  await Promise.all(pods.map(ready));
  // Only now: it takes its servers for ready until its first checks.
  [haproxy.pid] = group.start([{ name: haproxy.name, command: programs.haproxy, args: ['-db', '-f', configFile] }]);
  await ready(haproxy);
  return { haproxy, pods, nats };
}

/**
 * @param {string} name
 * @param {string} scheme
 * @param {number} port
 * @returns {Service}
 */
function service(name, scheme, port) {
  return { name, url: `${scheme}://127.0.0.1:${port}`, port, pid: undefined };
}

/**
 * @param {string} command
 * @param {Service} nats
 * @param {string} folder
 */
function natsProgram(command, { name, port }, folder) {
  const args = ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', join(folder, name)];
  return { name, command, args };
}

/**
 * @param {Service} pod
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
function podProgram({ name, port }, folder, env) {
  return {
    name,
    command: process.execPath,
    args: ['--initial-heap-size=128', '--max-semi-space-size=8', POD],
    env: {
      ...env,
      ETHERPLY_DATA_DIRS: join(folder, name),
      ETHERPLY_HOST: '127.0.0.1',
      PORT: String(port),
      SHUTDOWN_TIMEOUT_SECONDS: String(POD_SHUTDOWN_SECONDS),
    },
  };
}

/** @param {Service} service */
async function ready({ name, url }) {
  const deadline = Date.now() + READY_MS;
  let reason = '';
  while (Date.now() < deadline) {
    try {
      const answer = await fetch(`${url}/readyz`);
      reason = await answer.text();
      if (answer.ok) return;
    } catch (error) {
      reason = String(error.cause ?? error);
    }
    await setTimeout(ASK_AGAIN_MS);
  }
  throw new Error(`${name} is not ready after ${READY_MS / 1000} s: ${reason}`);
}
