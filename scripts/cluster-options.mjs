import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SetupError } from './setup-error.mjs';

const DEFAULT_FOLDER = fileURLToPath(new URL('../.cluster', import.meta.url));
const DEFAULT_PORT = '8080';
const MAX_PORT = 65_535;

/** What `--help` prints. */
export const USAGE = `usage: [PORT=8080] node scripts/cluster.mjs [--pods N] [--data FOLDER] [--json]

Runs sync pods, a nats-server and HAProxy on this machine, on loopback only, until Ctrl-C.

  PORT           environment variable: the port of HAProxy; 0 picks a free one
  --pods N       so many sync pods, 1 to 9; 3 if not given
  --data FOLDER  where data and logs go, and are kept; .cluster in the repository if not given
  --json         print one line of JSON with URLs, ports, process ids and a token, when all are ready
  --help         print this

Other settings of the pods are taken from the environment: docs/configuration.md.
`;

/**
 * Reads the command line and the environment.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ pods: number, port: number, folder: string, json: boolean, help: boolean }}
 * @throws SetupError where something cannot be used
 */
export function readOptions(args, env) {
  const { pods, data, json, help } = parse(args);
  if (!/^[1-9]$/.test(pods)) throw new SetupError(`--pods: set a number from 1 to 9 (it is ${JSON.stringify(pods)})`);
  const port = env.PORT || DEFAULT_PORT;
  if (!/^\d{1,5}$/.test(port) || Number(port) > MAX_PORT) {
    throw new SetupError(`PORT: set a port from 0 to ${MAX_PORT} (it is ${JSON.stringify(port)})`);
  }
  return { pods: Number(pods), port: Number(port), folder: resolve(data), json, help };
}

/** @param {readonly string[]} args */
function parse(args) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        pods: { type: 'string', default: '3' },
        data: { type: 'string', default: DEFAULT_FOLDER },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (cause) {
    throw new SetupError(`${cause.message}\n\n${USAGE}`, { cause });
  }
}
