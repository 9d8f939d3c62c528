import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @param {string} path
 * @param {string} flag makes it print its version
 * @param {readonly number[]} least major and minor version
 */
export async function isNewEnough(path, flag, [leastMajor = 0, leastMinor = 0]) {
  try {
    const { stdout } = await run(path, [flag]);
    const [major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
    return major > leastMajor || (major === leastMajor && minor >= leastMinor);
  } catch {
    return false; // there is none
  }
}
