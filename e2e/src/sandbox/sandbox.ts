import { type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { inState, STATE } from '../paths.ts';
import { until } from '../until.ts';
import { cgroupsAreEmpty, makeCgroups, removeCgroups } from './cgroups.ts';

/** Of the node; only in the sandbox. */
export const NODE_ADDRESS = '192.168.222.1';
const PREFIX_LENGTH = 24;
export const SERVICE_SUBNET = '10.96.0.0/16';

/**
 * Namespaces of network, mounts, processes and IPC of their own: nothing in them is seen or changed outside, and all of it is
 * gone when their first process ends. What they have outside is the folder of the state and a cgroup.
 */
export class Sandbox {
  /** Of the first process, as it is called outside. */
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /** The one that runs, if any. */
  static async running(): Promise<Sandbox | undefined> {
    const pid = await recordedProcess('init');
    return pid === undefined ? undefined : new Sandbox(pid);
  }

  /** @param init the path of init.sh */
  static async start(init: string): Promise<Sandbox> {
    await mkdir(inState('log'), { recursive: true });
    await mkdir(inState('pid'), { recursive: true });
    await makeCgroups();
    await copyFile(init, inState('init.sh'));
    const unshare = ['--net', '--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc'];
    const first = ['bash', inState('init.sh'), STATE, `${NODE_ADDRESS}/${PREFIX_LENGTH}`, SERVICE_SUBNET];
    const parent = await detached('unshare', [...unshare, '--', ...first], 'init');
    const pid = await until(() => onlyChild(parent), { what: 'the first process of the sandbox' });
    await record('init', pid);
    const isReady = () => existsSync(inState('sandbox.ready')) || !existsSync(`/proc/${pid}`);
    await until(isReady, { what: 'the sandbox' });
    if (!existsSync(inState('sandbox.ready'))) throw new Error(`the sandbox ended:\n${await endOfLog('init')}`);
    return new Sandbox(pid);
  }

  /** What, put before a command, has it run in here. */
  get prefix(): readonly [string, ...string[]] {
    return ['nsenter', `--target=${this.#pid}`, '--net', '--mount', '--pid', '--ipc', '--'];
  }

  /** The same for what only has to reach addresses in here. */
  get networkPrefix(): readonly [string, ...string[]] {
    return ['nsenter', `--target=${this.#pid}`, '--net', '--'];
  }

  /** Starts a daemon that outlives this process; it is not started twice. */
  async startDaemon(name: string, program: string, args: readonly string[]): Promise<void> {
    if ((await recordedProcess(name)) !== undefined) return;
    const [nsenter, ...rest] = this.prefix;
    const parent = await detached(nsenter, [...rest, program, ...args], name);
    const pid = await until(() => onlyChild(parent), { what: `the start of ${name}` }).catch(async (error) => {
      throw new Error(`${name} did not start:\n${await endOfLog(name)}`, { cause: error });
    });
    await record(name, pid);
  }

  /** Throws, with the end of what it printed, where a daemon has ended. */
  async assertRuns(name: string): Promise<void> {
    if ((await recordedProcess(name)) === undefined) throw new Error(`${name} has ended:\n${await endOfLog(name)}`);
  }

  /** Ends a daemon and waits for it. */
  async stopDaemon(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const pid = await recordedProcess(name);
    if (pid === undefined) return;
    process.kill(pid, signal);
    await until(async () => (await recordedProcess(name)) === undefined, { what: `the end of ${name}` });
  }
}

/** Ends all that runs in the sandbox, if there is one, and removes what it has outside. */
export async function removeSandbox(): Promise<void> {
  const pid = await recordedProcess('init');
  if (pid !== undefined) process.kill(pid, 'SIGKILL'); // and the kernel ends all others
  await until(() => pid === undefined || !existsSync(`/proc/${pid}`), { what: 'the end of the sandbox' });
  await until(() => cgroupsAreEmpty(), { what: 'the end of the containers' });
  await removeCgroups();
  await rm(STATE, { recursive: true, force: true });
}

export async function endOfLog(name: string): Promise<string> {
  return (await readFile(inState('log', `${name}.log`), 'utf8').catch(() => '')).slice(-3_000);
}

async function detached(program: string, args: readonly string[], name: string): Promise<number> {
  const log = openSync(inState('log', `${name}.log`), 'a');
  const options: SpawnOptions = { detached: true, stdio: ['ignore', log, log], cwd: '/' };
  const child = spawn(program, args, options);
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  if (child.pid === undefined) throw new Error(`${program} has no process id`);
  return child.pid;
}

async function onlyChild(parent: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
  const [first = ''] = children.trim().split(' ');
  return first === '' ? undefined : Number(first);
}

/** With the time of its start: the number may be another process's later. */
async function record(name: string, pid: number): Promise<void> {
  await writeFile(inState('pid', name), `${pid} ${await startTime(pid)}`);
}

async function recordedProcess(name: string): Promise<number | undefined> {
  const [pid = '', start] = (await readFile(inState('pid', name), 'utf8').catch(() => '')).split(' ');
  if (pid === '') return undefined;
  return (await startTime(Number(pid))) === start ? Number(pid) : undefined;
}

/** In ticks since the machine's start; undefined where it does not run. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}
