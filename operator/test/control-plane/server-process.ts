import { type ChildProcess, spawn } from 'node:child_process';
import { pause } from '../../../sync-pod/test/signals.ts';

/** Of what a server printed, so many characters are kept. */
const KEPT_OUTPUT = 100_000;

/** A server in a process of its own, that does not outlive this one, however this one ends. */
export class ServerProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';
  #failure: string | undefined;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    const read = (chunk: Buffer) => {
      this.#output = (this.#output + chunk).slice(-KEPT_OUTPUT);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#failure = error.message;
        resolve();
      });
      child.once('exit', (code, signal) => {
        this.#failure = signal ?? `exit code ${code}`;
        resolve();
      });
    });
  }

  static start(name: string, command: string, args: readonly string[]): ServerProcess {
    // Linux ends it with its parent; elsewhere it stays when a test's process is killed.
    const [program = command, ...rest] =
      process.platform === 'linux' ? [...endedWith(process.pid), command, ...args] : [command, ...args];
    return new ServerProcess(name, spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws, with the end of what it printed, where it has ended. */
  assertRunning(): void {
    if (this.#failure === undefined) return;
    throw new Error(`${this.#name} ended by itself (${this.#failure}):\n${this.#output.slice(-4_000)}`);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  /** Stops it where it is, until `resume`: its connections stay open and silent. */
  pause(): Promise<void> {
    return pause(this.#child);
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }
}

/** Starts what follows as a command that ends with its parent, also where that is gone before Linux knows of the wish. */
function endedWith(parent: number): readonly string[] {
  return ['setpriv', '--pdeathsig', 'KILL', '--', 'sh', '-c', '[ "$PPID" = "$0" ] && exec "$@"', String(parent)];
}
