import { type Client, connect } from '@etherply/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { until } from '../src/until.ts';
import { Cluster, SMALL, tokenFor } from './cluster.ts';
import { Load } from './load.ts';
import { installOperator } from './operator.ts';
import { expectNothingLost } from './scenario.ts';

const WORKSPACES = Array.from({ length: 500 }, (_, n) => `tenant-${n % 50}:board-${n}`);
const EACH = 2;

describe('connections through the router', () => {
  let cluster: Cluster;
  const clients = new Set<Client>();

  beforeAll(async () => {
    await installOperator();
    cluster = await Cluster.create('e2e-sticky', 'minimal.yaml', {
      replicas: 3,
      limits: { maxConnectionsPerIP: 0 },
      podTemplate: {
        resources: SMALL,
        // What nobody is connected to is closed soon, so that what is open says where clients are.
        env: [{ name: 'ETHERPLY_WORKSPACE_IDLE_SECONDS', value: '1' }],
      },
    });
  });
  afterAll(async () => {
    await disconnect();
    await cluster.remove();
  });

  async function disconnect(): Promise<void> {
    await Promise.all([...clients].map((client) => client.close()));
    clients.clear();
  }

  /** Connects to all workspaces. */
  async function connectAll(): Promise<void> {
    const [url, token] = [await cluster.url(), await tokenFor({ scopes: ['read', 'write'] })];
    for (let n = 0; n < EACH; n += 1) {
      for (const workspace of WORKSPACES) clients.add(connect({ url, workspace, token, WebSocket }));
    }
    const areOpen = () => [...clients].every(({ status }) => status === 'open');
    await until(areOpen, { what: 'all connections', timeoutMs: 120_000 });
  }

  /** How many workspaces each pod has open, when each is open on one. */
  function spread(): Promise<Record<string, number>> {
    return until(
      async () => {
        const open = await cluster.metric('etherply_workspaces_open');
        return sum(open) === WORKSPACES.length && open;
      },
      { what: 'each workspace being open on one pod', timeoutMs: 10_000 },
    );
  }

  /**
   * Connects anew until clients are where they are to be. Each router learns by DNS of pods that come, some seconds after they
   * are ready; until both know, connections of a workspace may come to two pods, and stay there.
   */
  function reconnected(
    what: string,
    isWanted: (open: Record<string, number>) => boolean,
  ): Promise<Record<string, number>> {
    return until(
      async () => {
        await disconnect();
        await connectAll();
        const open = await spread();
        return isWanted(open) && open;
      },
      { what, timeoutMs: 120_000 },
    );
  }

  test('of a workspace all reach one pod; another pod takes about a quarter; a restart moves none for good', async () => {
    const isOnAll = (open: Record<string, number>) => Object.values(open).every((count) => count > 0);
    const ofThree = await reconnected('each workspace being on one pod, and some on each', isOnAll);
    const connections = await cluster.metric('etherply_connections');
    for (const [pod, open] of Object.entries(ofThree)) expect(connections[pod]).toBe(open * EACH);

    const added = `${cluster.name}-3`;
    await cluster.kubectl('scale', 'epc', cluster.name, '--replicas=4');
    await cluster.ready(4);
    await cluster.settled();
    const ofFour = await reconnected('workspaces on the pod that was added', (open) => (open[added] ?? 0) > 0);
    expect(ofFour[added]).toBeGreaterThan(WORKSPACES.length * 0.15);
    expect(ofFour[added]).toBeLessThan(WORKSPACES.length * 0.35);
    for (const [pod, open] of Object.entries(ofThree)) expect(ofFour[pod]).toBeLessThanOrEqual(open);

    await cluster.kubectl('delete', 'pod', `${cluster.name}-1`);
    await cluster.ready(4);
    await cluster.settled();
    const isAsBefore = (open: Record<string, number>) => JSON.stringify(open) === JSON.stringify(ofFour);
    await reconnected('the same workspaces on each pod as before', isAsBefore);
    await disconnect();
  });

  test('and past it, to the wrong pod, work and lose nothing', async () => {
    const workspaces = ['wrong:a', 'wrong:b'];
    const token = await tokenFor({ scopes: ['read', 'write'] });
    const [first, second] = await cluster.ready(4);
    const through = async (url: string) => Load.start({ url, token, workspaces });
    const load = await through(await cluster.url());
    await load.progressed(50);
    for (const pod of [first, second]) {
      const wrong = connect({ url: `http://${pod?.ip}:8080`, workspace: 'wrong:a', token, WebSocket });
      clients.add(wrong);
      await wrong.ready();
      const seen = Object.keys(wrong.toJSON()).length;
      await until(() => Object.keys(wrong.toJSON()).length > seen, { what: 'what others write' });
    }
    await expectNothingLost('2 sticky, and a wrong pod', cluster, load, workspaces);
  });
});

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}
