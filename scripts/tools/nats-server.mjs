import { SetupError } from '../setup-error.mjs';
import { goPrograms } from './go-programs.mjs';
import { isNewEnough } from './version.mjs';

/** From this version on the stream works as docs/operations/jetstream.md says; with the retention `interest`, from 2.14 on. */
const LEAST = [2, 12];

/** @type {Promise<string> | undefined} */
let found;

/**
 * The path of a nats-server that is new enough: the one that NATS_SERVER names, the one on PATH, or one that is built.
 * @returns {Promise<string>}
 * @throws SetupError where there is none
 */
export function natsServer() {
  found ??= find();
  return found;
}

/** @returns {Promise<string>} */
async function find() {
  const given = process.env.NATS_SERVER;
  if (given) {
    if (await isNewEnough(given, '--version', LEAST)) return given;
    throw new SetupError(`NATS_SERVER: ${given} is no nats-server of version ${LEAST.join('.')} or later`);
  }
  if (await isNewEnough('nats-server', '--version', LEAST)) return 'nats-server';
  return (await goPrograms('nats-server'))['nats-server'];
}
