import { SetupError } from '../setup-error.mjs';
import { isNewEnough } from './version.mjs';

/** The first version with `balance hash`. */
const LEAST = [2, 6];
/** Debian keeps it where only root looks. */
const PATHS = ['haproxy', '/usr/sbin/haproxy'];

/**
 * The path of an HAProxy that is new enough: the one that HAPROXY names, or the one that is installed.
 * @returns {Promise<string>}
 * @throws SetupError where there is none
 */
export async function haproxy() {
  const given = process.env.HAPROXY;
  for (const path of given ? [given] : PATHS) {
    if (await isNewEnough(path, '-v', LEAST)) return path;
  }
  const least = LEAST.join('.');
  if (given) throw new SetupError(`HAPROXY: ${given} is no HAProxy of version ${least} or later`);
  throw new SetupError(
    `there is no HAProxy of version ${least} or later: install it with \`apt-get install haproxy\` or \`brew install haproxy\``,
  );
}
