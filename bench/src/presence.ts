import { atMost, type Bound } from './bound.ts';
import { benchToken, etherply } from './contenders/etherply.ts';
import { RawClient } from './raw-client.ts';
import { ServerProcess } from './server-process.ts';

const LAG = 'nodejs_eventloop_lag_p99_seconds';
const SENT = 'etherply_sent_bytes_total';
const SESSIONS = 1500;
const SECONDS = 15;
/** Updates go out in so many parts of a second. */
const TICKS = 100;

/** How long the event loop of a pod lags where a workspace of 1,500 sessions updates its presence, each once a second. */
export async function presenceBound(progress: (line: string) => void): Promise<Bound> {
  progress(`presence of ${SESSIONS} sessions in one workspace`);
  const server = await ServerProcess.start(etherply);
  const clients: RawClient[] = [];
  try {
    const path = `/v1/sync/crowd?token=${await benchToken()}`;
    while (clients.length < SESSIONS) clients.push(await RawClient.open(server.port, path));
    let received = 0;
    for (const client of clients) {
      client.onFrame((frame) => {
        received += frame.length;
      });
    }
    await update(clients, 3); // until all code is compiled
    const before = await server.metrics(LAG, SENT); // each look starts the measurement of the lag anew
    received = 0;
    await update(clients, SECONDS);
    const after = await server.metrics(LAG, SENT);
    const frames = ((after[SENT] - before[SENT]) / SECONDS / 1000).toFixed(0);
    progress(`${frames} kB of frames a second, ${(received / SECONDS / 1e6).toFixed(0)} MB a second to all sessions`);
    if (received < (after[SENT] - before[SENT]) * SESSIONS * 0.9) throw new Error('frames did not reach every session');
    return atMost(50, `presence of ${SESSIONS}, p99`, after[LAG] * 1000, 'ms lag');
  } finally {
    for (const client of clients) client.close();
    await server.stop();
  }
}

/** Each session updates its presence once a second, spread over the second. */
async function update(clients: readonly RawClient[], seconds: number): Promise<void> {
  const part = clients.length / TICKS;
  const start = performance.now();
  for (let tick = 0; tick < TICKS * seconds; tick += 1) {
    const wait = start + (tick * 1000) / TICKS - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const first = (tick % TICKS) * part;
    for (const client of clients.slice(first, first + part)) {
      client.send([JSON.stringify({ type: 'presence', payload: { x: tick, y: tick % 7 } })]);
    }
  }
}
