import { atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { RawClient } from './raw-client.ts';
import { ServerProcess, until } from './server-process.ts';
import { writeKeys } from './write-keys.ts';

const LAG = 'nodejs_eventloop_lag_max_seconds';
const WORKSPACE = 'large';
const LOG_BYTES = 8 << 20;

/** For how long a workspace of 10 MB, opening and being compacted, holds the event loop. */
export async function largeWorkspaceBounds(progress: (line: string) => void): Promise<Bound[]> {
  const bounds: Bound[] = [];
  for (const [keys, valueBytes] of [
    [10_000, 1000],
    [100_000, 90],
  ] as const) {
    const shape = `${keys / 1000}k × ${valueBytes} B`;
    progress(`a workspace of 10 MB: ${shape}`);
    const first = await ServerProcess.start(etherply);
    await writeKeys(first.port, WORKSPACE, { ops: keys, keys, valueBytes });
    const dataDir = await first.end();
    const server = await ServerProcess.start(etherply, {}, dataDir);
    try {
      await maxLag(server); // of the start
      const reader = await open(server);
      bounds.push(atMost(50, `${shape}, opening`, await maxLag(server), 'ms held'));
      const records = Math.ceil(LOG_BYTES / (valueBytes + 400));
      await writeKeys(server.port, WORKSPACE, { ops: records, keys, valueBytes });
      let lag = 0;
      await until(async () => {
        // Each look at the metrics starts the measurement anew.
        const now = await server.metrics(LAG, 'etherply_compactions_total');
        lag = Math.max(lag, now[LAG] * 1000);
        return now.etherply_compactions_total > 0;
      });
      bounds.push(atMost(50, `${shape}, compaction`, Math.max(lag, await maxLag(server)), 'ms held'));
      reader.close();
    } finally {
      await server.stop();
    }
  }
  return bounds;
}

async function open(server: ServerProcess): Promise<RawClient> {
  return RawClient.open(server.port, `/v1/sync/${WORKSPACE}?presence=0&token=${await benchToken()}`);
}

/** Since the last look at the metrics, in milliseconds. */
async function maxLag(server: ServerProcess): Promise<number> {
  return (await server.metrics(LAG))[LAG] * 1000;
}
