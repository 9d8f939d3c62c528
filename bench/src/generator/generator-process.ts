import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { endWithThis } from '../leftovers.ts';
import type { Command, LoadPlan } from './messages.ts';

/** No command takes longer. */
const LIMIT_MS = 60_000;

/** One process of the load generator. */
export class GeneratorProcess {
  readonly #child: ChildProcess;

  constructor(plan: LoadPlan) {
    this.#child = fork(fileURLToPath(new URL('./main.js', import.meta.url)), [JSON.stringify(plan)]);
    endWithThis(this.#child);
  }

  /** Resolves with the answer. @throws where it ends or does not answer in time */
  async ask<R>(command: Command, answer: z.ZodType<R>): Promise<R> {
    const aborted = new AbortController();
    const { signal } = aborted;
    const timer = setTimeout(() => aborted.abort(new Error(`${command.do} takes too long`)), LIMIT_MS);
    const ended = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error(`a process of the load generator has ended at ${command.do}`);
    });
    const answered = once(this.#child, 'message', { signal });
    this.#child.send(command);
    try {
      return answer.parse((await Promise.race([answered, ended]))[0]);
    } finally {
      clearTimeout(timer);
      aborted.abort();
      ended.catch(() => {}); // it is not waited for any more
      answered.catch(() => {});
    }
  }

  tell(command: Command): Promise<unknown> {
    return this.ask(command, z.object({}));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL'); // it has nothing to tidy up
    await ended;
  }
}
