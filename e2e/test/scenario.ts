import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { until } from '../src/until.ts';
import { type Cluster, tokenFor } from './cluster.ts';
import { SOURCES } from './environment.ts';
import { type Counts, Load } from './load.ts';

const FOLDER = join(SOURCES, 'e2e/dist');

/** For the table at the end. */
export async function record(scenario: string, counts: Counts): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await appendFile(join(FOLDER, 'scenarios.jsonl'), `${JSON.stringify({ scenario, ...counts })}\n`);
}

/** Ends the load; each pod has all that was acked, and nothing else. */
export async function expectNothingLost(
  scenario: string,
  cluster: Cluster,
  load: Load,
  workspaces: readonly string[],
): Promise<void> {
  await load.end();
  let lost = 0;
  for (const workspace of workspaces) {
    const acked = load.of(workspace);
    const views = await agreed(cluster, workspace);
    for (const key of Object.keys(acked)) if (views.some((data) => data[key] !== acked[key])) lost += 1;
    for (const data of views) expect(data).toEqual(acked);
  }
  await record(scenario, load.counts(lost));
  expect(lost).toBe(0);
}

/** Clients of whom some are on this pod: routers learn of a pod some seconds after it is ready. */
export function loadOn(
  pod: string,
  cluster: Cluster,
  prefix: string,
  options: { readonly workspaces: number; readonly opsPerSecond?: number },
): Promise<{ readonly load: Load; readonly workspaces: readonly string[] }> {
  let attempt = 0;
  return until(
    async () => {
      attempt += 1;
      const names = Array.from({ length: options.workspaces }, (_, n) => `${prefix}-${attempt}-${n}:board`);
      const token = await tokenFor({ scopes: ['read', 'write'] });
      const load = await Load.start({ ...options, url: await cluster.url(), token, workspaces: names });
      if (((await cluster.metric('etherply_connections'))[pod] ?? 0) > 0) return { load, workspaces: names };
      await load.abandon();
      return undefined;
    },
    { what: `connections to ${pod}`, timeoutMs: 120_000 },
  );
}

/**
 * Has clients write while something happens, and holds what all pods have in the end against what was acked.
 * @param pod some of the clients are on the one of this ordinal
 */
export async function whileClientsWrite(
  scenario: string,
  cluster: Cluster,
  happens: (load: Load) => Promise<void>,
  pod = 0,
): Promise<void> {
  const { load, workspaces } = await loadOn(`${cluster.name}-${pod}`, cluster, scenario.replaceAll(' ', '-'), {
    workspaces: 8,
  });
  try {
    await load.progressed(100);
    await happens(load);
    await load.progressed(200);
    await cluster.settled();
    await expectNothingLost(scenario, cluster, load, workspaces);
  } catch (error) {
    process.stderr.write(`${scenario} failed:\n${await cluster.story().catch(String)}\n`);
    throw error;
  } finally {
    await load.abandon();
  }
}

/** What reaches a pod by the stream may take a moment. */
async function agreed(cluster: Cluster, workspace: string): Promise<Record<string, unknown>[]> {
  let views: Record<string, unknown>[] = [];
  const agree = async () => {
    views = await cluster.dataOnEachPod(workspace);
    const sizes = new Set(views.map((data) => Object.keys(data).length));
    return sizes.size === 1;
  };
  await until(agree, { timeoutMs: 30_000 }).catch(() => undefined); // what differs is said by who compares
  return views;
}
