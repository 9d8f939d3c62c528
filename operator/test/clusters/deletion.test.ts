import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { KINDS } from '../../src/kube/kinds.ts';
import { kubectl } from '../chart/commands.ts';
import { until } from '../control-plane/until.ts';
import { ClusterStage } from './cluster-stage.ts';
import { operatorCounts } from './operator-metrics.ts';
import { ownedObjects, required } from './owned-objects.ts';
import { sharedOperator } from './shared-operator.ts';

// Before the control plane ends.
afterAll(async () => {
  await connection.close();
  await nats.stop();
});

const shared = sharedOperator({ ETHERPLY_RESYNC_SECONDS: '1' });

let nats: NatsServer;
let connection: NatsConnection;
let streams: JetStreamManager['streams'];

beforeAll(async () => {
  nats = await NatsServer.start();
  connection = await connect({ servers: nats.url });
  streams = (await jetstreamManager(connection)).streams;
});

function staged(spec: Record<string, unknown>, server: NatsServer = nats): Promise<ClusterStage> {
  return ClusterStage.of(shared().controlPlane, { nats: { external: { servers: [server.url] } }, ...spec });
}

async function streamNames(): Promise<string[]> {
  const found: string[] = [];
  for await (const name of streams.names()) found.push(name);
  return found;
}

async function untilGone({ client, namespace, cluster }: ClusterStage): Promise<void> {
  await until(async () => (await cluster.get()) === undefined, { what: 'the cluster being gone' });
  // The garbage collector hears of kinds that were not there when it started every 30 s.
  const gone = { what: 'its objects being gone', timeoutMs: 90_000 };
  await until(async () => (await ownedObjects(client, namespace)).size === 0, gone);
  await until(async () => (await client.list(KINDS.Pod, { namespace })).items.length === 0, { what: 'no pods' });
}

async function claims({ client, namespace }: ClusterStage): Promise<string[]> {
  const { items } = await client.list(KINDS.PersistentVolumeClaim, { namespace });
  return items.map(({ metadata }) => metadata.name).sort();
}

/** Resolves when every cluster was looked at a few times. */
async function afterReconciles(count = 4): Promise<void> {
  const { reconciles } = await operatorCounts(shared().operator);
  await until(async () => (await operatorCounts(shared().operator)).reconciles >= reconciles + count);
}

describe('a cluster that is deleted', () => {
  test('leaves its stream and its volumes, unless somebody says otherwise, and takes all else with it', async () => {
    const stage = await staged({ replicas: 2 });
    await stage.cluster.delete();
    await untilGone(stage);
    const stream = `${stage.namespace}_c`;
    expect(await streamNames()).toEqual(expect.arrayContaining([stream, `OBJ_${stream}-payloads`]));
    expect(await claims(stage)).toEqual(['shard-0-c-0', 'shard-0-c-1']);
    // One of the same name goes on with both.
    await stage.cluster.apply({ replicas: 2, nats: { external: { servers: [nats.url] } } });
    await stage.cluster.isWell();
    expect(await claims(stage)).toEqual(['shard-0-c-0', 'shard-0-c-1']);
    await stage.close();
  });

  test('takes them with it where the spec says so', async () => {
    const stage = await staged({ replicas: 1, stream: { deletion: 'Delete' }, storage: { retain: 'Delete' } });
    const stream = `${stage.namespace}_c`;
    await stage.cluster.delete();
    await untilGone(stage);
    const names = await streamNames();
    expect(names).not.toContain(stream);
    expect(names).not.toContain(`OBJ_${stream}-payloads`);
    await until(async () => (await claims(stage)).length === 0, { what: 'the claims being gone' });
    await stage.close();
  });

  test('waits for NATS that is away, says so with what to do, and goes when that is done', async () => {
    const other = await NatsServer.start();
    const spec = { replicas: 1, stream: { deletion: 'Delete' } };
    const [waiting, yielding] = [await staged(spec, other), await staged(spec, other)];
    try {
      await other.end('SIGKILL');
      for (const { cluster } of [waiting, yielding]) await cluster.delete();
      for (const stage of [waiting, yielding]) {
        const { message } = await stage.cluster.has('Degraded', 'True', 'Refused');
        expect(message).toMatch(
          /the stream cannot be deleted: NATS cannot be reached at nats:.*To leave it, set spec.stream.deletion to Retain/,
        );
        await until(async () =>
          (await stage.events()).some((event) => event.startsWith('StreamNotDeleted: the stream')),
        );
      }
      const patch = { spec: { stream: { deletion: 'Retain' } } };
      await yielding.client.mergePatch(KINDS.EtherPlyCluster, yielding.cluster.ref, patch);
      await untilGone(yielding);
      expect(await waiting.cluster.get()).toBeDefined();

      await other.restart();
      await untilGone(waiting);
      const another = await connect({ servers: other.url });
      const left = (await jetstreamManager(another)).streams;
      await expect(left.info(`${waiting.namespace}_c`)).rejects.toThrow('stream not found');
      expect((await left.info(`${yielding.namespace}_c`)).config.name).toBe(`${yielding.namespace}_c`);
      await another.close();
    } finally {
      await other.stop();
      await Promise.all([waiting.close(), yielding.close()]);
    }
  });
});

test('a paused cluster is left as it is, whatever happens, and goes on when it is not paused any more', async () => {
  const stage = await staged({});
  const { client, namespace, cluster } = stage;
  const stream = `${namespace}_c`;
  const pause = (paused: boolean) => client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, { spec: { paused } });
  await pause(true);
  expect(await cluster.has('Progressing', 'False', 'Paused')).toMatchObject({
    message: 'spec.paused is true: everything is left as it is',
  });

  await client.mergePatch(KINDS.Deployment, { namespace, name: 'c-router' }, { spec: { replicas: 7 } });
  await client.delete(KINDS.ConfigMap, { namespace, name: 'c-router' });
  await client.mergePatch(KINDS.EtherPlyCluster, cluster.ref, { spec: { replicas: 5, ack: 'local' } });
  await streams.delete(stream);
  const before = await ownedObjects(client, namespace);
  await afterReconciles();
  const after = await ownedObjects(client, namespace);
  expect([...after.keys()]).toEqual([...before.keys()]);
  expect(after.has('ConfigMap c-router')).toBe(false);
  expect(required(after, 'Deployment c-router')).toMatchObject({ spec: { replicas: 7 } });
  expect(required(after, 'StatefulSet c')).toMatchObject({ spec: { replicas: 3 } });
  expect(await streamNames()).not.toContain(stream);

  await pause(false);
  await until(
    async () => {
      const objects = await ownedObjects(client, namespace);
      expect(objects.has('ConfigMap c-router')).toBe(true);
      expect(required(objects, 'Deployment c-router')).toMatchObject({ spec: { replicas: 2 } });
      expect(required(objects, 'StatefulSet c')).toMatchObject({ spec: { replicas: 5 } });
      expect(await streamNames()).toContain(stream);
      return true;
    },
    { what: 'everything that was put off' },
  );
  await stage.close();
});

describe('kubectl', () => {
  const run = (...words: string[]) => kubectl('--kubeconfig', shared().controlPlane.kubeconfig, ...words);

  test('scales a cluster, and shows in a line how it is', async () => {
    const stage = await staged({ replicas: 2, strategy: 'lww' });
    const { client, namespace, cluster } = stage;
    expect(await run('scale', 'epc', 'c', '-n', namespace, '--replicas=4')).toContain('scaled');
    await cluster.isWell();
    expect((await client.get(KINDS.StatefulSet, { namespace, name: 'c' }))?.spec).toMatchObject({ replicas: 4 });
    const [header = '', line = ''] = (await run('get', 'epc', '-n', namespace)).split('\n');
    expect(header.split(/\s+/)).toEqual(['NAME', 'READY', 'PODS', 'STRATEGY', 'ENDPOINT', 'AGE']);
    expect(line.split(/\s+/).slice(0, 5)).toEqual(['c', 'True', '4', 'lww', `ws://c.${namespace}.svc:8080`]);
    // What one looks for with `kubectl get all` has it, too.
    expect(await run('get', 'all', '-n', namespace)).toContain('etherplycluster.etherply.io/c');
    await run('wait', 'epc/c', '-n', namespace, '--for=condition=Available', '--timeout=10s');
    await run('delete', 'epc', 'c', '-n', namespace, '--timeout=30s');
    await stage.close();
  });

  test('explains each field', async () => {
    const spec = await run('explain', 'etherplycluster.spec');
    expect(spec).toContain('What the cluster is to be.');
    for (const field of [
      'replicas',
      'auth',
      'storage',
      'nats',
      'stream',
      'ingress',
      'limits',
      'podTemplate',
      'paused',
    ]) {
      expect(spec).toMatch(new RegExp(`^ {2}${field}\\t<\\w+>`, 'm'));
    }
    expect(spec).toMatch(/auth\t<Object> -required-/);
    expect(await run('explain', 'epc.spec.storage.size')).toMatch(/Size of each volume, in bytes as a quantity/);
    expect(await run('explain', 'epc.spec', '--recursive')).not.toContain('<no description>');
  });
});

test('an object that a cluster of the same name had before does not keep a new one from its own', async () => {
  const stage = await staged({ replicas: 1 });
  const { client, namespace, cluster } = stage;
  const before = await ownedObjects(client, namespace);
  await cluster.delete();
  await until(async () => (await cluster.get()) === undefined);
  // At once: what belonged to the one before is on its way out.
  await cluster.apply({ replicas: 1, nats: { external: { servers: [nats.url] } } });
  await until(
    async () => {
      const after = await ownedObjects(client, namespace);
      const uid = (await cluster.get())?.metadata.uid;
      for (const name of before.keys()) {
        expect(required(after, name).metadata.ownerReferences).toEqual([expect.objectContaining({ uid })]);
      }
      return true;
    },
    { what: 'the objects of the new one' },
  );
  await cluster.isWell();
  await stage.close();
});
