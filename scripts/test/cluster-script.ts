import { type ChildProcess, spawn } from 'node:child_process';
import { z } from 'zod';

const service = z.object({ name: z.string(), url: z.url(), port: z.int(), pid: z.int() });
const announcement = z.object({
  haproxy: service,
  pods: z.array(service),
  nats: service,
  data: z.string(),
  token: z.string(),
});

export type Service = z.infer<typeof service>;
type Announcement = z.infer<typeof announcement>;

interface ScriptOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** scripts/cluster.mjs in a process of its own, on a free port. */
export class ClusterScript {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';
  #errors = '';
  #announced: Announcement | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk;
    });
    this.#ended = new Promise((resolve) => child.on('close', resolve));
  }

  static start({ args = [], env = {} }: ScriptOptions = {}): ClusterScript {
    const child = spawn(process.execPath, ['scripts/cluster.mjs', ...args], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new ClusterScript(child);
  }

  /** Starts with data in a folder; resolves when all serve. Rejects with what it printed where it ends instead. */
  static async serving(folder: string, ...args: string[]): Promise<ClusterScript> {
    const script = ClusterScript.start({ args: ['--json', '--data', folder, ...args] });
    await script.announced();
    return script;
  }

  get output(): string {
    return this.#output;
  }

  get errors(): string {
    return this.#errors;
  }

  /** What it said of itself. */
  get cluster(): Announcement {
    if (this.#announced === undefined) throw new Error('the cluster does not serve yet');
    return this.#announced;
  }

  /** All processes that it started. */
  get services(): Service[] {
    const { haproxy, pods, nats } = this.cluster;
    return [haproxy, ...pods, nats];
  }

  pod(index: number): Service {
    const pod = this.cluster.pods[index];
    if (pod === undefined) throw new Error(`there is no pod ${index}`);
    return pod;
  }

  /** A request to one of its services, with its token. */
  request({ url }: Service, path: string, body?: unknown): Promise<Response> {
    return fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${this.cluster.token}` },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
  }

  signal(name: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(name);
  }

  /** Resolves with its exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Whatever a test has left. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }

  async announced(): Promise<void> {
    const line = new Promise<void>((resolve) => {
      this.#child.stdout?.on('data', () => {
        if (this.#output.endsWith('\n')) resolve();
      });
    });
    const ended = this.#ended.then((code) => {
      throw new Error(`the cluster ended with ${code}: ${this.#errors}`);
    });
    await Promise.race([line, ended]);
    this.#announced = announcement.parse(JSON.parse(this.#output));
  }
}

/** Whether a process is there. */
export function isRunning({ pid }: { readonly pid: number }): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
