import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './command.ts';
import { buildImages, importImages, removeUnfinishedBuilds } from './images/images.ts';
import { type Daemon, Daemons, kubectlOf } from './kubernetes/daemons.ts';
import { writeFiles } from './kubernetes/files.ts';
import { NODE_NAME } from './kubernetes/network.ts';
import { clusterObjects } from './kubernetes/objects.ts';
import { inState } from './paths.ts';
import { progress } from './progress.ts';
import { installPackages } from './sandbox/debian-packages.ts';
import { endOfLog, removeSandbox, Sandbox } from './sandbox/sandbox.ts';
import { until } from './until.ts';

const START_MS = 180_000;

/**
 * Brings up a Kubernetes of one node, or goes on where an earlier call was ended.
 * @param sources the root of the repository
 * @param interruption aborted: it is ended and removed, and this throws
 */
export async function up(sources: string, interruption: AbortSignal): Promise<Sandbox> {
  assertPossible();
  await installPackages();
  try {
    const images = await buildImages(sources);
    interruption.throwIfAborted();
    const sandbox = (await Sandbox.running()) ?? (await newSandbox(sources));
    await writeFiles();
    await startDaemons(sandbox, images, interruption);
    return sandbox;
  } catch (error) {
    await down();
    throw error;
  }
}

/** Ends and removes it, whatever state it is in. */
export async function down(): Promise<void> {
  progress('ending the cluster');
  await removeSandbox();
  await removeUnfinishedBuilds();
}

/** What an earlier sandbox left when its machine ended is of no use: its processes are gone. */
async function newSandbox(sources: string): Promise<Sandbox> {
  await removeSandbox();
  return Sandbox.start(join(sources, 'e2e/src/sandbox/init.sh'));
}

function assertPossible(): void {
  if (process.platform !== 'linux') throw new Error('a cluster of its own takes Linux: set KUBECONFIG to use another');
  if (process.getuid?.() !== 0) throw new Error('a cluster of its own takes root: set KUBECONFIG to use another');
}

async function startDaemons(
  sandbox: Sandbox,
  images: Readonly<Record<string, string>>,
  interruption: AbortSignal,
): Promise<void> {
  const ready = (daemon: Daemon, condition: () => Promise<unknown> | unknown) => {
    interruption.throwIfAborted();
    return becomesReady(daemon, daemons, condition, interruption);
  };
  const daemons = await Daemons.of(sandbox);
  const [program, ...prefix] = await kubectlOf(sandbox);
  const kubectl = (...args: readonly string[]) => command(program, [...prefix, ...args]);

  progress('starting Kubernetes');
  await daemons.start('etcd');
  await daemons.start('kube-apiserver');
  await ready('kube-apiserver', async () => (await kubectl('get', '--raw=/readyz')) === 'ok');
  await daemons.start('kube-controller-manager');
  await daemons.start('kube-scheduler');
  await daemons.start('containerd');
  await ready('containerd', () => existsSync(inState('containerd.sock')));
  await importImages(sandbox, images);
  for (const daemon of ['kubelet', 'kube-proxy', 'coredns'] as const) await daemons.start(daemon);

  const objects = inState('objects.json');
  await writeFile(objects, JSON.stringify(await clusterObjects()));
  await kubectl('apply', '--server-side', '--force-conflicts', `--filename=${objects}`);
  await rm(objects);
  const isReady = async () =>
    (await kubectl('get', 'node', NODE_NAME, '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}')) === 'True';
  await ready('kubelet', isReady);
  const account = () => kubectl('get', 'serviceaccount', 'default', '-o=name');
  await ready('kube-controller-manager', account);
  for (const daemon of ['kube-scheduler', 'kube-proxy', 'coredns'] as const) await daemons.assertRuns(daemon);
  progress('Kubernetes is ready');
}

async function becomesReady(
  daemon: Daemon,
  daemons: Daemons,
  condition: () => Promise<unknown> | unknown,
  interruption: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const isThere = async () => {
    if (interruption.aborted) failures.push(interruption.reason);
    if (performance.now() - started > 2_000) await daemons.assertRuns(daemon).catch((error) => failures.push(error));
    return failures.length > 0 || Boolean(await condition());
  };
  const failures: unknown[] = [];
  try {
    await until(isThere, { what: `${daemon} being ready`, timeoutMs: START_MS });
  } catch (error) {
    throw new Error(`${daemon} is not ready:\n${await endOfLog(daemon)}`, { cause: error });
  }
  if (failures.length > 0) throw failures[0];
}
