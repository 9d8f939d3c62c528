import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Program } from './contenders/contender.ts';
import { endWithThis, temporaryDir } from './leftovers.ts';

/** A server that was started for a measurement, on a free port of loopback. */
export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  /** From the start of the process until it was ready, in milliseconds. */
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, port: number, startMs: number, dataDir: string) {
    this.#child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
    this.startMs = startMs;
    this.#dataDir = dataDir;
  }

  /**
   * Resolves when the server says that it is ready.
   * @param env adds to its settings
   * @param dataDir is made where none is given
   * @param nodeOptions for programs of Node.js
   */
  static async start(
    program: Program,
    env: Record<string, string> = {},
    dataDir?: string,
    nodeOptions: readonly string[] = [],
  ): Promise<ServerProcess> {
    const dir = dataDir ?? (await temporaryDir());
    const launch = await program.launch(dir);
    const begin = performance.now();
    const child = spawn(launch.command ?? process.execPath, [...nodeOptions, ...launch.args], {
      env: { PATH: process.env.PATH, ...launch.env, ...env },
      cwd: dir,
      stdio: ['ignore', 'pipe', launch.readyOn === 'stderr' ? 'pipe' : 'inherit'],
    });
    endWithThis(child);
    const port = await new Promise<number>((resolve, reject) => {
      let output = '';
      const prints = launch.readyOn === 'stderr' ? child.stderr : child.stdout;
      if (prints === null) throw new Error(`nobody hears the ${program.name} server`);
      const onOutput = (chunk: Buffer) => {
        output += chunk;
        const ready = launch.ready.exec(output);
        if (ready === null) return;
        prints.off('data', onOutput).resume(); // what it prints from now on is for nobody
        resolve(launch.port ?? Number(ready[1]));
      };
      prints.on('data', onOutput);
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`the ${program.name} server ended with ${code}: ${output}`)));
    });
    return new ServerProcess(child, port, performance.now() - begin, dir);
  }

  /** The server's metrics of these names, of one moment. */
  async metrics<N extends string>(...names: N[]): Promise<Record<N, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    const samples = names.map((name) => {
      const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
      if (value === undefined) throw new Error(`there is no metric ${name}`);
      return [name, Number(value)];
    });
    return Object.fromEntries(samples);
  }

  /** Ends the process and keeps its data; resolves with the data directory. */
  async end(): Promise<string> {
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
    return this.#dataDir;
  }

  /** Ends the process and removes its data. */
  async stop(): Promise<void> {
    await rm(await this.end(), { recursive: true, force: true });
  }
}

/** Resolves when the condition holds, asked again and again. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
