import { etherply } from './contenders/etherply.ts';
import type { NatsProcess } from './nats-process.ts';
import { ServerProcess, until } from './server-process.ts';

/** Starts a pod that acks what the stream has; resolves when it can reach that. Other arguments as of `ServerProcess.start`. */
export async function startReplicatedPod(
  nats: NatsProcess,
  env: Record<string, string> = {},
  dataDir?: string,
  nodeOptions: readonly string[] = [],
): Promise<ServerProcess> {
  const replicated = { ETHERPLY_NATS_URL: nats.url, ETHERPLY_ACK: 'replicated', ...env };
  const pod = await ServerProcess.start(etherply, replicated, dataDir, nodeOptions);
  await until(async () => (await fetch(`http://127.0.0.1:${pod.port}/readyz`)).ok);
  return pod;
}

/** Several of them, each with an empty volume. */
export function startReplicatedPods(
  nats: NatsProcess,
  count: number,
  env: Record<string, string> = {},
): Promise<ServerProcess[]> {
  return Promise.all(Array.from({ length: count }, () => startReplicatedPod(nats, env)));
}
