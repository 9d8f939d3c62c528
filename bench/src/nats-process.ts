import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { natsServer } from '../../scripts/tools.mjs';
import { endWithThis, temporaryDir } from './leftovers.ts';
import { until } from './server-process.ts';

const portsFile = z.object({
  nats: z.tuple([z.string()]),
  monitoring: z.tuple([z.string()]),
  profile: z.tuple([z.string()]),
});
const subscriptionsAnswer = z.object({ num_subscriptions: z.int() });

/** A nats-server with JetStream that was started for a measurement, on free ports of loopback. */
export class NatsProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #monitoringUrl: string;
  readonly #profileUrl: string;

  private constructor(child: ChildProcess, dir: string, { nats, monitoring, profile }: z.infer<typeof portsFile>) {
    this.#child = child;
    this.#dir = dir;
    [this.url] = nats;
    [this.#monitoringUrl] = monitoring;
    [this.#profileUrl] = profile;
  }

  /** Resolves when it serves. */
  static async start(): Promise<NatsProcess> {
    const dir = await temporaryDir();
    const anyPort = ['--port=-1', '--http_port=-1', '--profile=-1'];
    const args = ['--addr=127.0.0.1', ...anyPort, `--ports_file_dir=${dir}`, '--jetstream', `--store_dir=${dir}`];
    const program = await natsServer();
    const child = spawn(program, args, { stdio: 'ignore' });
    endWithThis(child);
    const file = join(dir, `${basename(program)}_${child.pid}.ports`);
    let ports: z.infer<typeof portsFile> | undefined;
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
      ports = await readPorts(file);
      return ports !== undefined;
    });
    if (ports === undefined) throw new Error('nats-server has no ports');
    return new NatsProcess(child, dir, ports);
  }

  /** Bytes in use in its heap, after a garbage collection. */
  async heapBytes(): Promise<number> {
    const text = await (await fetch(`${this.#profileUrl}/debug/pprof/heap?gc=1&debug=1`)).text();
    const bytes = /^# HeapAlloc = (\d+)$/m.exec(text)?.[1];
    if (bytes === undefined) throw new Error(`nats-server does not tell its memory: ${text.slice(0, 200)}`);
    return Number(bytes);
  }

  /** How many its clients have, with its own. */
  async subscriptions(): Promise<number> {
    const answer: unknown = await (await fetch(`${this.#monitoringUrl}/subsz`)).json();
    return subscriptionsAnswer.parse(answer).num_subscriptions;
  }

  /** Ends the process and removes its data. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Undefined where the file is not there, or not whole yet. */
async function readPorts(file: string): Promise<z.infer<typeof portsFile> | undefined> {
  try {
    return portsFile.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
