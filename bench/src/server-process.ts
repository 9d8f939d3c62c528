import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';

const SECRET = 'a secret for measurements only';

/** A server that was started for a measurement, with a data directory that goes with it. */
export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, port: number, dataDir: string) {
    this.#child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
    this.#dataDir = dataDir;
  }

  /** Runs a script of this repository on a free port of loopback; resolves when it says that it is ready. */
  static async start(script: string): Promise<ServerProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'etherply-bench-'));
    const child = spawn(process.execPath, [script], {
      env: {
        PATH: process.env.PATH,
        PORT: '0',
        ETHERPLY_HOST: '127.0.0.1',
        ETHERPLY_JWT_SECRET: SECRET,
        ETHERPLY_DATA_DIRS: join(dataDir, 'shard-0'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await new Promise<number>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
        const ready = /"port":(\d+).*"msg":"ready"/.exec(output);
        if (ready !== null) resolve(Number(ready[1]));
      });
      child.on('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
    });
    return new ServerProcess(child, port, dataDir);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

/** A token that may do everything on a server started here. */
export function benchToken(): Promise<string> {
  return new SignJWT({ sub: 'bench', scopes: ['admin'] })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
}
