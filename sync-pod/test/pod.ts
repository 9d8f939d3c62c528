import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';

export const SECRET = 'a secret for tests that is long enough';

/** A token for tests; claims override the defaults. */
export function token(claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ sub: 'alice', scopes: ['admin'], ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
}

/** A sync pod in a process of its own, on a free port of loopback. */
export class Pod {
  readonly dataDir: string;
  #env: Record<string, string>;
  #process: ChildProcess | undefined;
  #output = '';
  port = 0;

  private constructor(dataDir: string, env: Record<string, string>) {
    this.dataDir = dataDir;
    this.#env = env;
  }

  static async start(env: Record<string, string> = {}): Promise<Pod> {
    const pod = new Pod(await mkdtemp(join(tmpdir(), 'etherply-')), env);
    await pod.restart();
    return pod;
  }

  async restart(): Promise<void> {
    this.#output = '';
    const child = spawn(process.execPath, ['sync-pod/dist/main.js'], {
      env: {
        PATH: process.env.PATH,
        ETHERPLY_JWT_SECRET: SECRET,
        ETHERPLY_DATA_DIRS: join(this.dataDir, 'shard-0'),
        ETHERPLY_HOST: '127.0.0.1',
        PORT: '0',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.port = await new Promise((resolve, reject) => {
      const read = (chunk: Buffer) => {
        this.#output += chunk;
        const ready = /"port":(\d+).*"msg":"ready"/.exec(this.#output);
        if (ready !== null) resolve(Number(ready[1]));
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.on('exit', (code) => reject(new Error(`the pod ended with ${code}: ${this.#output}`)));
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Ends the process and resolves with its exit code, or null where a signal ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    child.kill(signal);
    return ended;
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.dataDir, { recursive: true, force: true });
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async connect(workspace: string, query: Record<string, string> = {}): Promise<TestClient> {
    const parameters = new URLSearchParams({ token: await token(), ...query });
    return TestClient.open(`ws://127.0.0.1:${this.port}/v1/sync/${encodeURIComponent(workspace)}?${parameters}`);
  }
}

export type Frame = { type: string } & Record<string, unknown>;

/** A socket that keeps what it receives until a test asks for it. */
export class TestClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  closeCode: number | undefined;
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      this.frames.push(JSON.parse(String(data)));
      this.#notify();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#notify();
    });
    socket.on('error', () => this.#notify());
  }

  static async open(url: string): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url));
    await new Promise<void>((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Takes the first frame of this type that has come or comes; those before it stay. */
  async take(type: string): Promise<Frame> {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame.type === type);
      const [frame] = at === -1 ? [] : this.frames.splice(at, 1);
      if (frame !== undefined) return frame;
      if (this.closeCode !== undefined) throw new Error(`closed with ${this.closeCode} while waiting for ${type}`);
      await this.#change();
    }
  }

  /** Sends an op and waits for its ack. */
  async set(key: string, value: unknown, id?: string): Promise<Frame> {
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
