import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsServer } from '../../../scripts/tools.mjs';
import { freePort, until } from '../pod.ts';

export const PASSWORD = 'a-password';

const BLOCK = /^```conf\n# (.+)\n([\s\S]*?)^```$/gm;
const written = readFileSync(new URL('../../../docs/operations/jetstream.md', import.meta.url), 'utf8');
const blocks = new Map([...written.matchAll(BLOCK)].map(([, title = '', text = '']) => [title, text]));

/** A piece of configuration in docs/operations/jetstream.md, by the comment that it begins with. */
export function documented(title: string): string {
  const text = blocks.get(title);
  if (text === undefined) throw new Error(`there is no piece of configuration that begins with "# ${title}"`);
  return text;
}

interface Options {
  readonly config: string;
  /** The file that the configuration includes. */
  readonly user?: string;
  /** Arguments of the command line, which count more than the configuration. */
  readonly args?: readonly string[];
}

/** A nats-server as it is documented, but for addresses and where it stores. */
export class DocumentedNats {
  readonly url: string;
  readonly #dir: string;
  readonly #process: ChildProcess;

  private constructor(dir: string, port: string, child: ChildProcess) {
    this.#dir = dir;
    this.url = `nats://127.0.0.1:${port}`;
    this.#process = child;
  }

  static async start({ config, user, args = [] }: Options): Promise<DocumentedNats> {
    const [dir, port] = [await mkdtemp(join(tmpdir(), 'etherply-nats-')), await freePort()];
    const file = join(dir, 'nats.conf');
    await writeFile(file, config.replace('/var/lib/nats', join(dir, 'store')));
    if (user !== undefined) await writeFile(join(dir, 'etherply-user.conf'), user);
    const local = ['--config', file, '--addr', '127.0.0.1', '--port', port];
    const child = spawn(await natsServer(), [...local, ...args], {
      env: { ...process.env, ETHERPLY_NATS_PASSWORD: PASSWORD, LEAF_PASSWORD: PASSWORD },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${output}`);
      return output.includes('Server is ready');
    });
    return new DocumentedNats(dir, port, child);
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    await rm(this.#dir, { recursive: true, force: true });
  }
}
