import { rm } from 'node:fs/promises';
import { atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { ServerProcess } from './server-process.ts';

const WORKSPACES = 100_000;
const PARALLEL = 16;

/** How much longer a pod takes to start with many workspaces on its disk. */
export async function coldStartBound(progress: (line: string) => void): Promise<Bound> {
  progress(`start with ${WORKSPACES} workspaces on disk`);
  const { emptyMs, fullMs } = await measureColdStart(progress);
  progress(`  empty ${emptyMs.toFixed(0)} ms, full ${fullMs.toFixed(0)} ms`);
  return atMost(1.25, 'start, 100,000 on disk', fullMs / emptyMs, '× empty');
}

/** How long a pod takes to start with none, and with many workspaces on its disk, in milliseconds. */
export async function measureColdStart(
  progress: (line: string) => void,
): Promise<{ readonly emptyMs: number; readonly fullMs: number }> {
  const server = await ServerProcess.start(etherply, { ETHERPLY_WORKSPACE_IDLE_SECONDS: '0' });
  const emptyMs = server.startMs;
  const headers = { authorization: `Bearer ${await benchToken()}` };
  let next = 0;
  const fill = async () => {
    while (next < WORKSPACES) {
      next += 1;
      if (next % 20_000 === 0) progress(`  ${next} written`);
      const url = `http://127.0.0.1:${server.port}/v1/workspaces/tenant-${next % 1000}:${next}/ops`;
      const answer = await fetch(url, { method: 'POST', headers, body: '{"key":"key","value":"value"}' });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      await answer.text();
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, fill));
  const dataDir = await server.end();
  const again = await ServerProcess.start(etherply, {}, dataDir);
  const fullMs = again.startMs;
  await again.stop();
  await rm(dataDir, { recursive: true, force: true });
  return { emptyMs, fullMs };
}
