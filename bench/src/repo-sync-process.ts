import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { endWithThis } from './leftovers.ts';
import type { Begin, ClientPlan } from './repo-sync-messages.ts';

/** No step of a measurement takes longer. */
const LIMIT_MS = 90_000;
/** Who does not end by itself in this time is killed. */
const END_MS = 5000;

/** A process of automerge-repo clients: what they take is not the server's. */
export class RepoSyncProcess {
  readonly #child: ChildProcess;
  readonly #reports: unknown[] = [];
  #wake: () => void = () => {};

  constructor(plan: ClientPlan) {
    const script = fileURLToPath(new URL('./repo-sync-clients.js', import.meta.url));
    this.#child = fork(script, [JSON.stringify(plan)]);
    endWithThis(this.#child);
    this.#child.on('message', (report) => {
      this.#reports.push(report);
      this.#wake();
    });
    this.#child.once('exit', () => this.#wake());
  }

  /** The next report. @throws where there is none in time */
  async report<R>(schema: z.ZodType<R>): Promise<R> {
    if (this.#reports.length === 0 && this.#child.exitCode === null) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LIMIT_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const report = this.#reports.shift();
    if (report === undefined) throw new Error('a process of clients has ended, or takes too long');
    return schema.parse(report);
  }

  begin(begin: Begin): void {
    this.#child.send(begin);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }
}

/** Runs processes of clients until all is done, and ends them. */
export async function withClients<R>(
  plans: readonly ClientPlan[],
  run: (processes: readonly RepoSyncProcess[]) => Promise<R>,
): Promise<R> {
  const processes = plans.map((plan) => new RepoSyncProcess(plan));
  try {
    return await run(processes);
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
}
