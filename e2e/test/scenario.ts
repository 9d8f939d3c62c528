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

/** Has clients write while something happens, and holds what all pods have in the end against what was acked. */
export async function whileClientsWrite(
  scenario: string,
  cluster: Cluster,
  happens: (load: Load) => Promise<void>,
): Promise<void> {
  const prefix = scenario.replaceAll(' ', '-');
  const workspaces = Array.from({ length: 8 }, (_, n) => `${prefix}-${n}:board`);
  const token = await tokenFor({ scopes: ['read', 'write'] });
  const load = await Load.start({ url: await cluster.url(), token, workspaces });
  try {
    await load.progressed(100);
    await happens(load);
    await load.progressed(200);
    await cluster.settled();
    await expectNothingLost(scenario, cluster, load, workspaces);
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
