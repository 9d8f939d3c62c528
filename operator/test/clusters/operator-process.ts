import { ServerProcess } from '../control-plane/server-process.ts';
import { until } from '../control-plane/until.ts';

/** What an operator is started with. */
interface OperatorOptions {
  /** Path. */
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly env?: Readonly<Record<string, string>>;
}

let started = 0;

/** The operator in a process of its own, as its image starts it. */
export class OperatorProcess {
  readonly name: string;
  readonly #process: ServerProcess;

  private constructor(name: string, process: ServerProcess) {
    this.name = name;
    this.#process = process;
  }

  static start({ kubeconfig, namespace, env }: OperatorOptions): OperatorProcess {
    started += 1;
    const name = `operator-${started}`;
    const variables = Object.entries({
      PATH: process.env.PATH ?? '',
      KUBECONFIG: kubeconfig,
      POD_NAME: name,
      POD_NAMESPACE: namespace,
      ETHERPLY_HOST: '127.0.0.1',
      PORT: '0',
      ...env,
    }).map(([key, value]) => `${key}=${value}`);
    const command = ['-i', ...variables, process.execPath, 'operator/dist/main.js'];
    return new OperatorProcess(name, ServerProcess.start(name, 'env', command));
  }

  /** What it has printed. */
  get output(): string {
    return this.#process.output;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  /** Resolves when it acts. */
  async leading(): Promise<void> {
    await until(
      () => {
        this.#process.assertRunning();
        return this.output.includes('"msg":"leading"');
      },
      { what: `${this.name} leading` },
    );
  }

  pause(): Promise<void> {
    return this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.#process.end(signal);
  }
}
