import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { endWithThis, temporaryDir } from './leftovers.ts';

const SECRET = 'a secret for measurements only';

interface Program {
  readonly args: () => readonly string[];
  /** Settings that are its alone. */
  readonly settings: (dataDir: string) => Promise<Record<string, string>>;
  /** What it prints when it is ready, with its port. */
  readonly ready: RegExp;
}

const READY = /"port":(\d+).*"msg":"ready"/;
const PROGRAMS = {
  floor: {
    args: () => [fileURLToPath(new URL('./floor-server.js', import.meta.url))],
    settings: async () => ({ PORT: '0' }),
    ready: READY,
  },
  etherply: {
    // As `npm start` does.
    args: () => ['--initial-heap-size=128', fileURLToPath(new URL('../../sync-pod/dist/main.js', import.meta.url))],
    settings: async (dataDir) => ({
      PORT: '0',
      ETHERPLY_HOST: '127.0.0.1',
      ETHERPLY_JWT_SECRET: SECRET,
      ETHERPLY_DATA_DIRS: join(dataDir, 'shard-0'),
      // What is measured is how much passes, not how much may.
      ETHERPLY_MAX_OPS_PER_SECOND: '0',
      ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '0',
    }),
    ready: READY,
  },
  'sync-server': {
    args: () => [fileURLToPath(import.meta.resolve('@automerge/automerge-repo-sync-server'))],
    // These are all that it has. It prints the port that it was given.
    settings: async (dataDir) => ({ PORT: `${await freePort()}`, DATA_DIR: join(dataDir, 'documents') }),
    ready: /Listening on port (\d+)/,
  },
} satisfies Record<string, Program>;

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

  /** Resolves when the server says that it is ready; `env` adds to the settings, `dataDir` is made where none is given. */
  static async start(
    server: keyof typeof PROGRAMS,
    env: Record<string, string> = {},
    dataDir?: string,
    nodeOptions: readonly string[] = [],
  ): Promise<ServerProcess> {
    const dir = dataDir ?? (await temporaryDir());
    const program: Program = PROGRAMS[server];
    const settings = await program.settings(dir);
    const begin = performance.now();
    const child = spawn(process.execPath, [...nodeOptions, ...program.args()], {
      env: { PATH: process.env.PATH, ...settings, ...env },
      cwd: dir,
      stdio: ['ignore', 'pipe', 'inherit'],
      // A terminal sends Ctrl-C to every process in its foreground: detached, only this one gets it, and ends them.
      detached: true,
    });
    endWithThis(child);
    const port = await new Promise<number>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
        const ready = program.ready.exec(output);
        if (ready !== null) resolve(Number(ready[1]));
      });
      child.on('exit', (code) => reject(new Error(`the ${server} server ended with ${code}`)));
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

/** A token that may do everything on a server started here. */
export function benchToken(): Promise<string> {
  return new SignJWT({ sub: 'bench', scopes: ['admin'] })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('a listening server has no port');
  return address.port;
}

/** Resolves when the condition holds, asked again and again. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}
