import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { until } from '../src/until.ts';
import { Cluster, SMALL } from './cluster.ts';
import { installOperator } from './operator.ts';
import { whileClientsWrite } from './scenario.ts';

describe.each(['limits', 'interest'])('a cluster with three NATS servers and retention %s', (retention) => {
  let cluster: Cluster;

  beforeAll(async () => {
    await installOperator();
    cluster = await Cluster.create(`e2e-nats-${retention}`, 'minimal.yaml', {
      replicas: 2,
      nats: { managed: { replicas: 3, resources: SMALL } },
      stream: { replicas: 3, retention },
      podTemplate: { resources: SMALL },
    });
  });
  afterAll(() => cluster.remove());

  test('loses nothing when one of them is killed', async () => {
    await whileClientsWrite(`8 one of three NATS killed with ${retention}`, cluster, async (load) => {
      const [victim] = await cluster.pods('nats');
      if (victim === undefined) throw new Error('there is no NATS pod');
      await cluster.kubectl('delete', 'pod', victim.name, '--force', '--grace-period=0');
      await load.progressed(300);
      const isBack = async () =>
        (await cluster.pods('nats')).some(
          ({ name, uid, isReady }) => name === victim.name && uid !== victim.uid && isReady,
        );
      await until(isBack, { what: `another ${victim.name}`, timeoutMs: 180_000 });
    });
  });
});
