import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @typedef {{ name: string, command: string, args: readonly string[], env?: NodeJS.ProcessEnv }} Program */
/** @typedef {{ child: import('node:child_process').ChildProcess, ended: Promise<string> }} Member */

/** So long processes may take to end before they are killed. */
const END_MS = 10_000;
/** Of what a process printed, so many lines are told when it ends by itself. */
const LAST_LINES = 20;

/** Processes that serve together: when one ends, all are to end. What they print goes to `<name>.log` in one folder. */
export class ProcessGroup {
  #logFolder;
  /** @type {Member[][]} */
  #stages = [];
  #isEnding = false;
  /** @type {(report: string) => void} */
  #fail = () => {};
  /**
   * Resolves when a process ends by itself: which one, how, and the last lines that it printed.
   * @type {Promise<string>}
   */
  failure = new Promise((resolve) => {
    this.#fail = resolve;
  });

  /** @param {string} logFolder it must exist */
  constructor(logFolder) {
    this.#logFolder = logFolder;
  }

  /**
   * Starts programs that end at the same time, before those that were started earlier.
   * @param {readonly Program[]} programs
   * @returns {(number | undefined)[]} their process ids; undefined where one could not be started, which `failure` tells
   */
  start(programs) {
    if (this.#isEnding) throw new Error('nothing can be started any more: the processes are ending');
    const stage = programs.map((program) => this.#spawn(program));
    this.#stages.push(stage);
    return stage.map(({ child }) => child.pid);
  }

  /** Asks all to end, the last stage first, and kills what is left after 10 s. Resolves when none is left. */
  async end() {
    this.#isEnding = true;
    const deadline = setTimeout(() => this.kill(), END_MS);
    for (const stage of this.#stages.toReversed()) {
      for (const { child } of stage) child.kill('SIGTERM');
      await Promise.all(stage.map(({ ended }) => ended));
    }
    clearTimeout(deadline);
  }

  /** Kills all at once. */
  kill() {
    this.#isEnding = true;
    for (const { child } of this.#stages.flat()) child.kill('SIGKILL');
  }

  /**
   * @param {Program} program
   * @returns {Member}
   */
  #spawn({ name, command, args, env }) {
    const logFile = join(this.#logFolder, `${name}.log`);
    const log = openSync(logFile, 'w');
    // A terminal sends Ctrl-C to every process in its foreground: detached, only the group's owner gets it.
    const child = spawn(command, args, { env, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    const ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void ended.then(async (how) => {
      if (this.#isEnding) return;
      this.#fail(`${name} ended by itself (${how}). The end of ${logFile}:\n${await lastLines(logFile)}`);
    });
    return { child, ended };
  }
}

/** @param {string} file */
async function lastLines(file) {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.slice(-LAST_LINES).join('\n');
}
