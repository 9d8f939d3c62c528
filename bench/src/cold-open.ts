import { z } from 'zod';
import { atMost, type Bound } from './bound.ts';
import { benchToken } from './contenders/etherply.ts';
import { median } from './median.ts';
import { NatsProcess } from './nats-process.ts';
import { RawClient } from './raw-client.ts';
import { startReplicatedPod } from './replicated-pod.ts';
import { type ServerProcess, until } from './server-process.ts';
import { writeKeys } from './write-keys.ts';

const WORKSPACES = 5;
const KEYS = 5000;
/** With which all values are 1 MB. */
const VALUE_BYTES = 200;
const TAIL_OPS = 500;
const ROLLUPS = 'etherply_rollups_total';
const TAKEN = 'etherply_replicated_messages_total';

const initFrame = z.object({ type: z.literal('init'), data: z.record(z.string(), z.string()) });

/** How long a client waits for a workspace that its pod must fetch from the stream. */
export async function coldOpenBounds(progress: (line: string) => void): Promise<Bound[]> {
  progress(`${WORKSPACES} workspaces of 1 MB, each opened on a pod with an empty volume`);
  const nats = await NatsProcess.start();
  const writer = await startReplicatedPod(nats);
  const times: number[] = [];
  try {
    for (let n = 0; n < WORKSPACES; n += 1) {
      const workspace = `cold-${n}`;
      await grow(writer, workspace);
      const pod = await startReplicatedPod(nats);
      try {
        times.push(await openMs(pod, workspace));
        const { [TAKEN]: taken } = await pod.metrics(TAKEN);
        progress(`  ${workspace}: ${times.at(-1)?.toFixed(0)} ms, ${taken} messages read`);
      } finally {
        await pod.stop();
      }
    }
  } finally {
    await writer.stop();
    await nats.stop();
  }
  return [
    atMost(300, 'cold open, median', median(times), 'ms'),
    atMost(300, 'cold open, worst', Math.max(...times), 'ms'),
  ];
}

/** Writes a workspace until the stream has one message that stands for most of it, and some more after that. */
async function grow(pod: ServerProcess, workspace: string): Promise<void> {
  const { [ROLLUPS]: before } = await pod.metrics(ROLLUPS);
  await writeKeys(pod.port, workspace, { ops: KEYS, keys: KEYS, valueBytes: VALUE_BYTES });
  await until(async () => (await pod.metrics(ROLLUPS))[ROLLUPS] > before);
  await writeKeys(pod.port, workspace, { ops: TAIL_OPS, keys: KEYS, valueBytes: VALUE_BYTES });
}

/** From connecting to `init`, in milliseconds. */
async function openMs(pod: ServerProcess, workspace: string): Promise<number> {
  const path = `/v1/sync/${workspace}?presence=0&token=${await benchToken()}`;
  const start = performance.now();
  const { raw, first } = await RawClient.openWithFirst(pod.port, path);
  const ms = performance.now() - start;
  raw.close();
  const { data } = initFrame.parse(JSON.parse(first.toString()));
  const keys = Object.keys(data).length;
  if (keys !== KEYS) throw new Error(`${workspace} was opened with ${keys} of ${KEYS} keys`);
  return ms;
}
