import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsServer } from '../../scripts/tools.mjs';
import { freePort, until } from './pod.ts';
import { end, pause } from './signals.ts';

/** One that is not ready after this time never will be. */
const START_MS = 60_000;

/** A real nats-server with JetStream, in a process of its own, on a port of loopback that it keeps. */
export class NatsServer {
  readonly port: string;
  readonly #dir: string;
  #config: string;
  readonly #domain: string | undefined;
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(dir: string, port: string, config: string, domain: string | undefined) {
    this.#dir = dir;
    this.port = port;
    this.#config = config;
    this.#domain = domain;
  }

  /**
   * @param config more of the server's configuration
   * @param domain of its JetStream, where it has one
   */
  static async start(config = '', domain?: string): Promise<NatsServer> {
    const server = new NatsServer(await mkdtemp(join(tmpdir(), 'etherply-nats-')), await freePort(), config, domain);
    await server.restart();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts the process again, on what it has stored; from now on with this configuration, where one is given. */
  async restart(config = this.#config): Promise<void> {
    this.#config = config;
    this.#output = '';
    const file = join(this.#dir, 'nats.conf');
    const jetstream = `jetstream { store_dir: ${this.#store}${this.#domain ? `, domain: ${this.#domain}` : ''} }`;
    await writeFile(file, `listen: 127.0.0.1:${this.port}\n${jetstream}\n${this.#config}\n`);
    const child = spawn(await natsServer(), ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk;
    });
    const deadline = Date.now() + START_MS;
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${this.#output}`);
      if (Date.now() > deadline) throw new Error(`nats-server does not get ready: ${this.#output}`);
      return this.#output.includes('Server is ready');
    });
  }

  /** SIGKILL ends it as a power cut would, but for what the operating system holds of its files. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#process !== undefined) await end(this.#process, signal);
  }

  /** Stops it where it is, until `resume`. */
  async pause(): Promise<void> {
    if (this.#process !== undefined) await pause(this.#process);
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it in order, keeps what it has stored, for `restoreStore`, and starts it again. */
  async copyStore(): Promise<void> {
    await this.end('SIGTERM');
    await cp(this.#store, `${this.#store}-copy`, { recursive: true });
    await this.restart();
  }

  /** Has what it had at `copyStore`, as after a crash in which the end of its files was lost; it must not be running. */
  async restoreStore(): Promise<void> {
    await rm(this.#store, { recursive: true, force: true });
    await cp(`${this.#store}-copy`, this.#store, { recursive: true });
  }

  /** Has nothing any more; it must not be running. */
  async clearStore(): Promise<void> {
    await rm(this.#store, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #store(): string {
    return join(this.#dir, 'store');
  }
}
