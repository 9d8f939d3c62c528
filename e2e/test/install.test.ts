import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster, tokenFor } from './cluster.ts';
import { kubectl } from './kubectl.ts';
import { Load } from './load.ts';
import { installOperator } from './operator.ts';
import { expectNothingLost } from './scenario.ts';

describe('a cluster from the minimal sample', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    await installOperator();
    cluster = await Cluster.create('e2e-install', 'minimal.yaml');
  });
  afterAll(() => cluster.remove());

  test('is shown as available', async () => {
    const printed = await cluster.kubectl('get', 'epc');
    expect(printed).toMatch(/^NAME +/);
    expect(printed).toMatch(/^minimal .*True/m);
  });

  test('serves clients through the router, and loses nothing', async () => {
    const workspaces = ['acme:board-1', 'acme:board-2', 'globex:board-1'];
    const load = await Load.start({
      url: await cluster.url(),
      token: await tokenFor({ scopes: ['read', 'write'] }),
      workspaces,
    });
    await load.progressed(200);
    await expectNothingLost('1 install, minimal sample', cluster, load, workspaces);
  });

  test('runs pods that nothing had to restart', async () => {
    for (const component of ['sync-pod', 'router', 'nats'] as const) {
      const pods = await cluster.pods(component);
      expect(pods.length).toBeGreaterThan(0);
      for (const pod of pods) expect(pod).toMatchObject({ restarts: 0 });
    }
  });

  test('answers 403 to a token for another workspace', async () => {
    const token = await tokenFor({ scopes: ['read', 'write'], workspaces: ['acme:*'] });
    const ask = async (workspace: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${await cluster.url()}/v1/workspaces/${workspace}`, { headers })).status;
    };
    expect(await ask('acme:board-1')).toBe(200);
    expect(await ask('globex:board-1')).toBe(403);
  });

  test('keeps metrics and control from clients', async () => {
    const url = await cluster.url();
    for (const path of ['/metrics', '/control/status', '/readyz']) expect((await fetch(url + path)).status).toBe(404);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('has NetworkPolicies for each of its parts', async () => {
    const printed = await cluster.kubectl('get', 'networkpolicies', '--output=name');
    for (const name of ['minimal', 'minimal-router', 'minimal-nats']) {
      expect(printed.split('\n')).toContain(`networkpolicy.networking.k8s.io/${name}`);
    }
  });

  test('has an operator that may not read what it need not', async () => {
    const as = '--as=system:serviceaccount:etherply-system:etherply-operator';
    const may = (...what: readonly string[]) =>
      kubectl('auth', 'can-i', ...what, as).then(
        () => true,
        () => false,
      );
    expect(await may('get', 'etherplyclusters.etherply.io', '--all-namespaces')).toBe(true);
    expect(await may('get', 'nodes')).toBe(false);
    expect(await may('create', 'pods/exec', '--all-namespaces')).toBe(false);
    expect(await may('create', 'clusterrolebindings')).toBe(false);
  });
});
