import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { type Pod, until } from '../pod.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

async function readiness(pod: Pod): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(pod.url('/readyz'));
  return { status: answer.status, body: await answer.json() };
}

test.each(['local', 'replicated'])(
  'a full stream is told of, and everything goes into it when it is larger: %s',
  async (ack) => {
    const env = { ETHERPLY_ACK: ack, ETHERPLY_COMPACT_FROM_BYTES: String(1 << 20) };
    cluster = await Cluster.start({ pods: 2, env: { ...env, ETHERPLY_STREAM_MAX_BYTES: '65536' } });
    const [pod, other] = [cluster.pod(0), cluster.pod(1)];
    const client = await pod.connect('filled');
    const written = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`k${n}`, randomBytes(3000).toString('hex')]),
    );
    for (const [key, value] of Object.entries(written)) client.send({ type: 'op', id: key, payload: { key, value } });
    await until(async () => JSON.stringify((await readiness(pod)).body).includes('full'));
    expect(await readiness(pod)).toEqual({
      status: 200,
      body: { status: 'ready', notes: [expect.stringContaining('ETHERPLY_STREAM_MAX_BYTES')] },
    });
    expect(await pod.metric('etherply_unpublished_records')).toBeGreaterThan(0);
    // It has not tried to publish anything.
    expect(await readiness(other)).toEqual({ status: 200, body: { status: 'ready' } });
    await other.end('SIGTERM');
    await other.restart({ ETHERPLY_STREAM_MAX_BYTES: '1048576' });
    await other.ready();
    expect((await cluster.agreed('filled')).data).toEqual(written);
    await until(async () => (await pod.metric('etherply_unpublished_records')) === 0);
    await until(async () => !JSON.stringify((await readiness(pod)).body).includes('full'));
  },
);
