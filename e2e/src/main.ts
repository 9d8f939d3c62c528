import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { down, up } from './cluster.ts';
import { HAPROXY_IMAGE, LOCAL_REGISTRY, NATS_IMAGE, OTHER_TAG, TAG } from './images/names.ts';
import { kubectlOf } from './kubernetes/daemons.ts';
import { ADMIN_KUBECONFIG } from './kubernetes/files.ts';
import { Sandbox } from './sandbox/sandbox.ts';

const USAGE = `A Kubernetes of one node on this machine, for tests and to try EtherPly in.

  up                      bring it up, or whatever of it is missing
  down                    end and remove it
  kubectl <arguments…>    in it, as the administrator
  exec <command…>         run a command that reaches its addresses, with KUBECONFIG set
  test <flags of jest…>   bring it up, run the scenarios, and end it, unless KEEP=true. Where KUBECONFIG is set they run in
                          that cluster, with images from REGISTRY and of TAG (and NEXT_TAG, for updates).
`;

/** This file runs as e2e/dist/main.js. */
const SOURCES = fileURLToPath(new URL('../..', import.meta.url));

/** Whoever ends this ends what it has begun. */
const interruption = new AbortController();
let tests: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort(new Error(`ended by ${signal}`));
    tests?.kill(signal);
  });
}

async function main([what = '', ...args]: readonly string[]): Promise<number> {
  switch (what) {
    case 'up':
      await up(SOURCES, interruption.signal);
      process.stderr.write('try: npm run e2e -- kubectl get nodes; end it with: make e2e-down\n');
      return 0;
    case 'down':
      await down();
      return 0;
    case 'kubectl':
      return run([...(await kubectlOf(await running())), ...args]);
    case 'exec':
      return run([...(await running()).networkPrefix, ...args]);
    case 'test':
      return test(args);
    case '--help':
      process.stdout.write(USAGE);
      return 0;
    default:
      process.stderr.write(USAGE);
      return 2;
  }
}

async function test(args: readonly string[]): Promise<number> {
  const jest = [process.execPath, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'] as const;
  const files = [join(SOURCES, 'node_modules/jest/bin/jest.js'), `--config=${join(SOURCES, 'e2e/jest.config.mjs')}`];
  // The daemons of somebody else's cluster are left alone. The flag takes all words after it.
  if (process.env.KUBECONFIG) return run([...jest, ...files, ...args, '--testPathIgnorePatterns=daemons'], process.env);
  try {
    const sandbox = await up(SOURCES, interruption.signal);
    const images = { REGISTRY: LOCAL_REGISTRY, TAG, NEXT_TAG: OTHER_TAG, HAPROXY_IMAGE, NATS_IMAGE };
    const env = { ...process.env, KUBECONFIG: ADMIN_KUBECONFIG, ...images };
    const [program, ...rest] = [...sandbox.networkPrefix, ...jest, ...files, ...args] as const;
    tests = spawn(program, rest, { stdio: 'inherit', env });
    const [code] = await once(tests, 'close');
    return typeof code === 'number' ? code : 1;
  } finally {
    if (process.env.KEEP !== 'true') await down();
  }
}

async function running(): Promise<Sandbox> {
  const sandbox = await Sandbox.running();
  if (sandbox === undefined) throw new Error('there is no cluster: bring one up with `make e2e-up`');
  return sandbox;
}

function run(
  [program, ...args]: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv = { ...process.env, KUBECONFIG: ADMIN_KUBECONFIG },
): number {
  return spawnSync(program, args, { stdio: 'inherit', env }).status ?? 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
