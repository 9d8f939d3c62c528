import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AckFrame,
  type ServerFrame,
  serverFrame,
  type WorkspaceSettings,
  workspaceAnswer,
} from '@etherply/protocol';
import { podConsumerOf } from '@etherply/stream';
import { SignJWT } from 'jose';
import { type ClientOptions, WebSocket } from 'ws';
import type { z } from 'zod';
import { loopbackPorts } from '../../scripts/loopback-ports.mjs';
import { end, pause } from './signals.ts';

export const SECRET = 'a secret for tests that is long enough';

/** A token for tests; claims override the defaults. */
export function token(claims: Record<string, unknown> = {}, secret = SECRET): Promise<string> {
  return new SignJWT({ sub: 'alice', scopes: ['admin'], ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

/** One that is not ready after this time never will be. */
const START_MS = 60_000;

interface PodOptions {
  readonly env?: Record<string, string>;
  readonly shards?: number;
  /** Where given, the data directory is a disk of this size, that only the pod sees. */
  readonly diskMegabytes?: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A sync pod in a process of its own, on a free port of loopback. */
export class Pod {
  readonly dataDir: string;
  readonly #options: PodOptions;
  #process: ChildProcess | undefined;
  #output = '';
  port = 0;

  private constructor(dataDir: string, options: PodOptions) {
    this.dataDir = dataDir;
    this.#options = options;
  }

  static async start(options: PodOptions = {}): Promise<Pod> {
    const pod = new Pod(await mkdtemp(join(tmpdir(), 'etherply-')), options);
    await pod.restart();
    return pod;
  }

  /** Starts the process again; rejects with what it printed where it ends instead. */
  async restart(env: Record<string, string> = {}): Promise<void> {
    this.#output = '';
    const dirs = Array.from({ length: this.#options.shards ?? 1 }, (_, i) => join(this.dataDir, `shard-${i}`));
    const [command = '', ...args] = this.#command();
    const child = spawn(command, args, {
      env: {
        PATH: process.env.PATH,
        ETHERPLY_JWT_SECRET: SECRET,
        ETHERPLY_DATA_DIRS: dirs.join(','),
        ETHERPLY_HOST: '127.0.0.1',
        PORT: '0',
        ...this.#options.env,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.port = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the pod does not get ready: ${this.#output}`)), START_MS);
      const read = (chunk: Buffer) => {
        this.#output += chunk;
        const ready = /"port":(\d+).*"msg":"ready"/.exec(this.#output);
        if (ready === null) return;
        clearTimeout(timer);
        resolve(Number(ready[1]));
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.on('close', (code) => {
        clearTimeout(timer);
        reject(new Error(`the pod ended with ${code}: ${this.#output}`));
      });
    });
  }

  #command(): string[] {
    const pod = [process.execPath, 'sync-pod/dist/main.js'];
    const { diskMegabytes } = this.#options;
    if (diskMegabytes === undefined) return pod;
    // A mount namespace of its own needs no rights of the machine's, and its disk goes with the process.
    const script = `mount -t tmpfs -o size=${diskMegabytes}m tmpfs "$0" && exec "$@"`;
    return ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, this.dataDir, ...pod];
  }

  /** A path in the data directory as the pod sees it. */
  pathInside(name: string): string {
    return join(`/proc/${this.#process?.pid}/root`, this.dataDir, name);
  }

  /** The name of its consumer, where the stream keeps only what some pod lacks. */
  async consumer(): Promise<string> {
    return podConsumerOf((await readFile(join(this.dataDir, 'shard-0', 'pod-id'), 'utf8')).trim());
  }

  get output(): string {
    return this.#output;
  }

  /** Ends the process and resolves with its exit code, or null where a signal ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    return this.#process === undefined ? null : end(this.#process, signal);
  }

  /** Stops it where it is, until `resume`. */
  async pause(): Promise<void> {
    if (this.#process !== undefined) await pause(this.#process);
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** Whether it says that it serves. */
  async isReady(): Promise<boolean> {
    return (await fetch(this.url('/readyz'))).status === 200;
  }

  /** Resolves when it serves: it has also reached NATS then, where it has one. */
  ready(): Promise<void> {
    return until(() => this.isReady());
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** A sample of the pod's metrics; 0 where there is none of this name and these labels. */
  async metric(sample: string): Promise<number> {
    const text = await (await fetch(this.url('/metrics'))).text();
    const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
    return Number(line?.slice(sample.length) ?? 0);
  }

  /** A REST request, with a token of these claims; the answer's body parsed. */
  async request(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    {
      body,
      claims,
      headers,
    }: { body?: unknown; claims?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const answer = await fetch(this.url(path), {
      method,
      headers: { authorization: `Bearer ${await token(claims)}`, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  }

  /** Sets the settings of a workspace. */
  async configure(workspace: string, settings: WorkspaceSettings): Promise<void> {
    const { status, body } = await this.request('PUT', `/v1/workspaces/${workspace}/settings`, { body: settings });
    if (status !== 200) throw new Error(`the settings were answered with ${status}: ${JSON.stringify(body)}`);
  }

  /** The state of a workspace, and its heads. */
  async read(workspace: string, heads: readonly string[] = []): Promise<z.infer<typeof workspaceAnswer>> {
    const { status, body } = await this.request('GET', `/v1/workspaces/${workspace}?heads=${heads.join(',')}`);
    if (status !== 200) throw new Error(`${workspace} was answered with ${status}: ${JSON.stringify(body)}`);
    return workspaceAnswer.parse(body);
  }

  /** Headers of a request that may do everything. */
  async authorization(): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${await token()}` };
  }

  async connect(
    workspace: string,
    query: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<TestClient> {
    const parameters = new URLSearchParams({ token: await token(), ...query });
    const path = `/v1/sync/${encodeURIComponent(workspace)}?${parameters}`;
    return TestClient.open(`ws://127.0.0.1:${this.port}${path}`, { headers });
  }
}

function isServerFrame(value: unknown): value is ServerFrame {
  return serverFrame.safeParse(value).success;
}

/** A socket that keeps what it receives until a test asks for it. */
export class TestClient {
  readonly socket: WebSocket;
  readonly frames: ServerFrame[] = [];
  closeCode: number | undefined;
  #error: Error | undefined;
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const frame: unknown = JSON.parse(String(data));
      if (!isServerFrame(frame)) throw new Error(`the pod sent what the protocol does not know: ${data}`);
      this.frames.push(frame);
      this.#notify();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#notify();
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  static async open(url: string, options: ClientOptions = {}): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url, options));
    await new Promise<void>((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Takes the first frame of these types that has come or comes; those before it stay. */
  async take<T extends ServerFrame['type']>(...types: T[]): Promise<Extract<ServerFrame, { type: T }>> {
    for (;;) {
      const isWanted = (one: ServerFrame): one is Extract<ServerFrame, { type: T }> =>
        types.some((type) => type === one.type);
      const frame = this.frames.find(isWanted);
      if (frame !== undefined) {
        this.frames.splice(this.frames.indexOf(frame), 1);
        return frame;
      }
      if (this.closeCode !== undefined) {
        throw new Error(`closed with ${this.closeCode} while waiting for ${types}`, { cause: this.#error });
      }
      await this.#change();
    }
  }

  /** Sends an op and waits for its ack. */
  async set(key: string, value: unknown, id?: string): Promise<AckFrame> {
    this.send({ type: 'op', id, payload: { key, value } });
    return this.take('ack');
  }

  /** Resolves with the close code. */
  async closed(): Promise<number> {
    while (this.closeCode === undefined) await this.#change();
    return this.closeCode;
  }

  close(): void {
    this.socket.close();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A port of loopback that nobody listens on, for a pod that is to come back where it was. */
export async function freePort(): Promise<string> {
  return String((await loopbackPorts([0]))[0]);
}

/** Resolves when the condition holds, asked again and again. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
