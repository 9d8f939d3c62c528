import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { HealthServer } from '../src/health-server.ts';
import { createMetrics } from '../src/metrics.ts';

let server: HealthServer;
let metrics: ReturnType<typeof createMetrics>;
let stuck: string | undefined;
let unready: string | undefined;
beforeEach(async () => {
  [stuck, unready] = [undefined, undefined];
  metrics = createMetrics({
    queueDepth: () => 4,
    isLeader: () => true,
    clusters: () => [
      [
        { type: 'Available', status: 'True' },
        { type: 'Degraded', status: 'False' },
      ],
      [{ type: 'Available', status: 'False' }],
      [{ type: 'Available', status: 'True' }],
    ],
  });
  server = await HealthServer.start({
    host: '127.0.0.1',
    port: 0,
    stuck: () => stuck,
    unready: () => unready,
    registry: metrics.registry,
  });
});
afterEach(async () => {
  await server.close();
});

async function get(path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { connection: 'close' } });
  return { status: answer.status, text: await answer.text() };
}

test('health and readiness are told apart, each with its reason', async () => {
  expect([await get('/healthz'), await get('/readyz')]).toEqual([
    { status: 200, text: 'ok\n' },
    { status: 200, text: 'ok\n' },
  ]);
  unready = 'the list of clusters is not there yet';
  expect(await get('/healthz')).toMatchObject({ status: 200 });
  expect(await get('/readyz')).toEqual({ status: 503, text: 'the list of clusters is not there yet\n' });
  stuck = 'a cluster has been waiting for its turn for 301 s';
  expect(await get('/healthz')).toEqual({ status: 503, text: 'a cluster has been waiting for its turn for 301 s\n' });
  expect(await get('/other')).toMatchObject({ status: 404 });
});

test('metrics count what was handled and asked for, and how clusters are', async () => {
  metrics.handled({ key: 'ns/c', waitedSeconds: 0.02, seconds: 0.3 });
  metrics.handled({ key: 'ns/c', waitedSeconds: 0, seconds: 0.3, failure: { error: new Error('x'), retryMs: 1 } });
  metrics.requested({ method: 'GET', resource: 'pods', status: 200, seconds: 0.01 });
  metrics.requested({ method: 'GET', resource: 'pods', status: 0, seconds: 30 });
  const { status, text } = await get('/metrics');
  expect(status).toBe(200);
  const lines = text.split('\n');
  for (const line of [
    'etherply_operator_reconciles_total{result="ok"} 1',
    'etherply_operator_reconciles_total{result="error"} 1',
    'etherply_operator_reconcile_seconds_count 2',
    'etherply_operator_queue_wait_seconds_bucket{le="0.05"} 2',
    'etherply_operator_queue_depth 4',
    'etherply_operator_leader 1',
    'etherply_operator_api_requests_total{method="GET",resource="pods",code="200"} 1',
    'etherply_operator_api_requests_total{method="GET",resource="pods",code="0"} 1',
    'etherply_operator_clusters{condition="Available",status="True"} 2',
    'etherply_operator_clusters{condition="Available",status="False"} 1',
    'etherply_operator_clusters{condition="Degraded",status="False"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});
