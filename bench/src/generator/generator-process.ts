import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { endWithThis } from '../leftovers.ts';
import type { Command, LoadPlan } from './messages.ts';

/** No command takes longer. */
const LIMIT_MS = 90_000;

/** One process of the load generator. */
export class GeneratorProcess {
  readonly #child: ChildProcess;

  constructor(plan: LoadPlan) {
    this.#child = fork(fileURLToPath(new URL('./main.js', import.meta.url)), [JSON.stringify(plan)]);
    endWithThis(this.#child);
  }

  /** Resolves with the answer. @throws where it ends or does not answer in time */
  async ask<R>(command: Command, answer: z.ZodType<R>): Promise<R> {
    return answer.parse(
      await new Promise((resolve, reject) => {
        const settle = (then: () => void) => {
          clearTimeout(timer);
          this.#child.off('message', onAnswer).off('exit', onExit);
          then();
        };
        const fail = (what: string) => settle(() => reject(new Error(`a process of the load generator ${what}`)));
        const onAnswer = (message: unknown) => settle(() => resolve(message));
        const onExit = () => fail(`has ended at ${command.do}`);
        const timer = setTimeout(() => fail(`has not done ${command.do} in ${LIMIT_MS / 1000} s`), LIMIT_MS);
        this.#child.once('message', onAnswer).once('exit', onExit);
        if (this.#child.connected) this.#child.send(command);
        else fail('has ended');
      }),
    );
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
