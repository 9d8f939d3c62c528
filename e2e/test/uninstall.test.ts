import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster, SMALL } from './cluster.ts';
import { helm } from './kubectl.ts';
import { installOperator, uninstallOperator } from './operator.ts';
import { expectNothingLost, loadOn, whileClientsWrite } from './scenario.ts';

describe('a cluster that is given up', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    await installOperator();
    cluster = await Cluster.create('e2e-uninstall', 'minimal.yaml', { podTemplate: { resources: SMALL } });
  });
  afterAll(async () => {
    await installOperator();
    await cluster.remove();
  });

  test('goes on without an operator, and is adopted by the next', async () => {
    await whileClientsWrite('6 uninstalled and installed again', cluster, async (load) => {
      const before = (await cluster.pods()).map(({ uid }) => uid).sort();
      await uninstallOperator();
      expect(await helm('list', '--all-namespaces', '--short')).not.toContain('etherply');
      await load.progressed(200);
      expect(await cluster.kubectl('get', 'epc', '--output=name')).toContain(cluster.name);
      await installOperator();
      await cluster.settled();
      expect((await cluster.pods()).map(({ uid }) => uid).sort()).toEqual(before);
      expect(load.mostReconnects).toBe(0);
    });
  });

  test('has its data again when it was deleted and is made again', async () => {
    const { load, workspaces } = await loadOn(`${cluster.name}-0`, cluster, 'again', { workspaces: 8 });
    await load.progressed(200);
    await load.end();
    await cluster.recreate();
    await expectNothingLost('6 deleted and made again', cluster, load, workspaces);
  });
});
