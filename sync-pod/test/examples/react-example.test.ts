import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Pod, token, until } from '../pod.ts';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/react/', import.meta.url));
/** Given as text, so that its imports are found where it runs: in the folder of the example. */
const TAB = readFileSync(new URL('./react-tab.mjs', import.meta.url), 'utf8');

let pod: Pod;
const tabs: Tab[] = [];
beforeAll(async () => {
  if (!existsSync(`${EXAMPLE}node_modules`))
    throw new Error(`there are no packages in ${EXAMPLE}: make test installs them`);
  pod = await Pod.start({ env: { ETHERPLY_REPO_SYNC: 'true' } });
});
afterAll(async () => {
  for (const tab of tabs) tab.close();
  await pod.stop();
});

/** What syncs of the example, in a process of its own. */
class Tab {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: string[] = [];

  private constructor(args: readonly string[]) {
    const script = ['--input-type=module', '--eval', TAB];
    this.#process = spawn(process.execPath, [...script, ...args], { cwd: EXAMPLE, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#process.stdout).on('line', (line) => this.#lines.push(line));
    tabs.push(this);
  }

  /** Resolves when it has the note. @param url of the note; it makes one where none is given */
  static async open(url?: string): Promise<Tab> {
    const fragment = url === undefined ? [] : [`#${url}`];
    const tab = new Tab([pod.url('').replace('http', 'ws'), await token(), ...fragment]);
    await until(async () => tab.url !== undefined);
    return tab;
  }

  get url(): string | undefined {
    return this.#lines[0];
  }

  /** As of the last change since it is open. */
  get text(): string | undefined {
    return this.#lines.slice(1).at(-1);
  }

  type(text: string): void {
    this.#process.stdin.write(`${text}\n`);
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }
}

test('it builds', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', 'build'], { cwd: EXAMPLE });
  expect(stdout).toMatch(/built in/);
});

test('two tabs share one text', async () => {
  const one = await Tab.open();
  one.type('hello');
  const id = one.url?.split(':')[1] ?? '';
  await until(async () => (await pod.read(id)).data.text === 'hello');
  const two = await Tab.open(one.url);
  two.type('hello, you');
  await until(async () => one.text === 'hello, you');
  one.type('hello, you two');
  await until(async () => two.text === 'hello, you two');
  expect((await pod.read(id)).data).toEqual({ text: 'hello, you two' });
});
