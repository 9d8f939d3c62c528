// `make cluster`: several sync pods, a nats-server and HAProxy on this machine, until Ctrl-C.
import { mkdir } from 'node:fs/promises';
import { developmentSecret, developmentToken } from '../sync-pod/dist/dev/development-secret.js';
import { readOptions, USAGE } from './cluster-options.mjs';
import { choosePorts, startServices } from './cluster-services.mjs';
import { clusterWelcome } from './cluster-welcome.mjs';
import { claimFolder } from './folder-claim.mjs';
import { ProcessGroup } from './process-group.mjs';
import { SetupError } from './setup-error.mjs';
import { haproxy, natsServer } from './tools.mjs';

/**
 * Serves until a signal comes or a process ends by itself.
 * @param {ReturnType<typeof readOptions>} options
 * @throws SetupError before anything is started
 */
async function serve(options) {
  const programs = { haproxy: await haproxy(), natsServer: await natsServer() };
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  await claimFolder(folder);
  const ports = await choosePorts(options);
  const secret = await developmentSecret(folder);

  const group = new ProcessGroup(folder);
  const stopped = signalled(group);
  const present = async () => {
    const services = await startServices(group, { programs, ports, folder, secret });
    const cluster = { ...services, data: folder, token: await developmentToken(secret) };
    process.stdout.write(options.json ? `${JSON.stringify(cluster)}\n` : clusterWelcome(cluster));
    return stopped;
  };
  try {
    const failure = await Promise.race([group.failure, stopped, present()]);
    if (failure !== undefined) {
      process.stderr.write(`${failure}\n`);
      process.exitCode = 1;
    }
  } finally {
    await group.end();
  }
}

/**
 * Resolves at the first signal to end; the second one kills.
 * @param {ProcessGroup} group
 */
function signalled(group) {
  return new Promise((resolve) => {
    let isEnding = false;
    const onSignal = () => {
      if (isEnding) {
        process.exitCode = 1;
        group.kill();
        return;
      }
      isEnding = true;
      process.stderr.write('ending all; Ctrl-C again kills them\n');
      resolve(undefined);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  });
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.help) process.stdout.write(USAGE);
  else await serve(options);
  // What was under way when a signal came is left undone.
  process.exit();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
