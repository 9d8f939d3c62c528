import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../src/until.ts';
import { Cluster, SMALL } from './cluster.ts';
import { kubectl } from './kubectl.ts';
import { installOperator, installPreviousVersion } from './operator.ts';
import { whileClientsWrite } from './scenario.ts';

const FIELD = 'scaleDownAfterSeconds';

describe('a cluster whose operator is upgraded', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    await installPreviousVersion();
    cluster = await Cluster.create('e2e-upgrade', 'minimal.yaml', { podTemplate: { resources: SMALL } });
  });
  afterAll(async () => {
    await installOperator();
    await cluster.remove();
  });

  test('serves on, and has the fields of the new version', async () => {
    await whileClientsWrite('6 chart upgraded', cluster, async (load) => {
      const before = (await cluster.pods()).map(({ uid }) => uid).sort();
      const definition = () => kubectl('get', 'crd', 'etherplyclusters.etherply.io', '--output=json');
      expect(await definition()).not.toContain(FIELD);
      await installOperator();
      expect(await definition()).toContain(FIELD);
      await load.progressed(200);
      await cluster.kubectl('delete', 'service', cluster.name);
      await until(() => cluster.url(), { what: 'the Service that the operator makes anew', timeoutMs: 120_000 });
      expect(load.mostReconnects).toBe(0);
      expect((await cluster.pods()).map(({ uid }) => uid).sort()).toEqual(before);
    });
  });
});
