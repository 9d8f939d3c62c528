import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { freePort, type Pod, until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';
import { NatsProxy } from './nats-proxy.ts';

/** For how long the regions do not reach each other; `make test-long` asks for more. */
const CUT_MS = Number(process.env.OUTAGE_SECONDS ?? 4) * 1000;

let east: Cluster;
let west: Cluster;
let link: NatsProxy;
afterEach(async () => {
  await Promise.all([east.stop(), west.stop()]);
  await link.stop();
});

/** Two regions, each with a nats-server and pods, that reach each other over a link. */
async function start(env: Record<string, string> = {}, pods = 1): Promise<void> {
  const leafPort = await freePort();
  const region = (name: string, other: string) => ({
    pods,
    domain: name,
    env: { ETHERPLY_CLUSTER: name, ETHERPLY_REGIONS: `${other}=${other}`, ...env },
  });
  link = await NatsProxy.start(leafPort);
  east = await Cluster.start({
    ...region('east', 'west'),
    nats: `server_name: east\nleafnodes { listen: "127.0.0.1:${leafPort}", no_advertise: true }`,
  });
  west = await Cluster.start({
    ...region('west', 'east'),
    nats: `server_name: west\nleafnodes { remotes: [ { url: "${link.url.replace('nats:', 'nats-leaf:')}" } ] }`,
  });
}

function pods(): readonly Pod[] {
  return [...east.pods, ...west.pods];
}

/** Clients of each region write; gives what was acked. */
async function writeInBoth(name: string): Promise<Record<string, string>> {
  const loads = [east, west].map((region, n) => new Load(region.pods, ['both'], 2, `${name}-${n}`));
  await Promise.all(loads.map((load) => load.progressed(400)));
  await Promise.all(loads.map((load) => load.end()));
  return Object.assign({}, ...loads.map((load) => load.of('both')));
}

/** Resolves when all pods of a region have as many keys as there are to be. */
function holds(region: Cluster, workspace: string, expected: Record<string, unknown>): Promise<void> {
  const count = Object.keys(expected).length;
  return until(async () => Object.keys((await region.agreed(workspace)).data).length === count);
}

test.each(['automerge', 'lww'])(
  'both regions write, also while the link between them is cut, and end up the same: %s',
  async (strategy) => {
    await start({ ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '16384' });
    const before = await writeInBoth('before');
    link.block();
    const end = performance.now() + CUT_MS;
    const during = await writeInBoth('during');
    await until(async () => performance.now() > end);
    link.unblock();
    const expected = { ...before, ...during, ...(await writeInBoth('after')) };
    await Promise.all([east, west].map((region) => holds(region, 'both', expected)));
    const [first, second] = [await east.agreed('both'), await west.agreed('both')];
    expect(first.data).toEqual(expected);
    expect(second.data).toEqual(expected);
  },
  300_000,
);

test('a server-auth workspace gets its order in its home region, and the other forwards to it', async () => {
  await start({ ETHERPLY_SYNC_STRATEGY: 'server-auth', ETHERPLY_HOME_REGION: 'east' });
  const [home, away] = [east.pod(0), west.pod(0)];
  await away.configure('ordered', { strategy: 'server-auth', rules: [{ key: 'count', max_step: 1 }] });
  expect((await home.request('GET', '/v1/workspaces/ordered/settings')).body).toMatchObject({
    rules: [{ max_step: 1 }],
  });
  const [near, far] = [await home.connect('ordered'), await away.connect('ordered')];
  await near.take('init');
  const { heads } = await far.set('count', 1);
  expect((await near.take('op')).payload).toMatchObject({ key: 'count', value: 1 });
  expect(heads).toEqual((await home.read('ordered')).heads);
  far.send({ type: 'op', id: 'leap', payload: { key: 'count', value: 9 } });
  expect(await far.take('reject')).toMatchObject({ code: 'step_too_large', id: 'leap' });
  const loads = [new Load([home], ['ordered'], 3, 'near'), new Load([away], ['ordered'], 3, 'far')];
  await Promise.all(loads.map((load) => load.progressed(50)));
  link.block();
  far.send({ type: 'op', id: 'cut', payload: { key: 'count', value: 2 } });
  expect(await far.take('error')).toMatchObject({ code: 'unavailable', id: 'cut' });
  await loads[0]?.progressed(50);
  link.unblock();
  await Promise.all(loads.map((load) => load.progressed(50)));
  await Promise.all(loads.map((load) => load.end()));
  const expected = Object.assign({ count: 1 }, ...loads.map((load) => load.of('ordered')));
  await holds(west, 'ordered', expected);
  expect((await west.agreed('ordered')).data).toEqual(expected);
  expect(await east.agreed('ordered')).toEqual(await west.agreed('ordered'));
  expect((await away.request('DELETE', '/v1/workspaces/ordered')).status).toBe(200);
  expect((await home.read('ordered')).data).toEqual({});
}, 300_000);

test('what is too large for a message reaches a cold pod of the other region', async () => {
  await start({ ETHERPLY_COMPACT_FROM_BYTES: '100000' });
  const writer = await east.pod(0).connect('large');
  for (let n = 0; n < 12; n += 1) await writer.set(`piece-${n}`, randomBytes(75_000).toString('base64'));
  await until(async () => (await east.pod(0).metric('etherply_rollups_total')) > 0);
  await west.add();
  for (const pod of pods()) {
    await until(async () => Object.keys((await pod.read('large')).data).length === 12);
  }
}, 300_000);
