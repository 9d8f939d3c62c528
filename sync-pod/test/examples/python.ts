import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Json } from '@etherply/protocol';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const INTERPRETER = path('../../../.cache/python/bin/python');
export const EXAMPLES = path('../../../docs/examples/');

/** The Python of the examples. @throws where it is missing */
export function interpreter(): string {
  if (!existsSync(INTERPRETER)) {
    throw new Error('there is no Python environment in .cache/python: run make test, which makes it');
  }
  return INTERPRETER;
}

/** The example client in a process of its own. */
export class PythonClient {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: Interface;
  readonly #waiting: { resolve: (answer: Json) => void; reject: (error: Error) => void }[] = [];
  #errors = '';

  private constructor(args: readonly string[]) {
    // Without the environment: a proxy that it may name is not for loopback.
    this.#process = spawn(interpreter(), ['-B', path('./driver.py'), EXAMPLES, ...args], { stdio: 'pipe', env: {} });
    this.#process.stderr.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.#lines = createInterface(this.#process.stdout);
    this.#lines.on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line)));
    this.#process.on('close', (code) => {
      for (const { reject } of this.#waiting) reject(new Error(`Python ended with ${code}: ${this.#errors}`));
    });
  }

  static async connect(url: string, workspace: string, token: string): Promise<PythonClient> {
    const client = new PythonClient([url, workspace, token]);
    await client.#answer();
    return client;
  }

  /** Resolves with `acked`, or the code of the refusal. */
  set(key: string, value: Json): Promise<Json> {
    return this.#ask(['set', key, value]);
  }

  /** Resolves when the client has this value. */
  until(key: string, value: Json): Promise<Json> {
    return this.#ask(['until', key, value]);
  }

  /** The client's state, when nothing more comes. */
  settled(): Promise<Json> {
    return this.#ask(['settled']);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  #ask(command: readonly Json[]): Promise<Json> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    return this.#answer();
  }

  #answer(): Promise<Json> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}
