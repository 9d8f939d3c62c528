import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { z } from 'zod';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import { natsServer } from '../../../scripts/tools.mjs';
import { natsConfig, natsVariables } from '../../src/desired/nats/nats-config.ts';
import { NATS_USER } from '../../src/desired/secrets.ts';
import { ServerProcess } from '../control-plane/server-process.ts';
import { until } from '../control-plane/until.ts';
import { at, idsOf, objectOf, objectsOf, type Written } from './fixture.ts';

const run = promisify(execFile);
const THREE = { nats: { managed: { replicas: 3, size: '100Gi', syncAlways: true } } };
const EXTERNAL = { nats: { external: { servers: ['nats://a.example:4222'] } } };
/** What a parser of configurations could take for something else than a text. */
const PASSWORD = '12e4-_AZ';

/** For `env`. */
function assignments(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function filesOf(written: Written): string {
  return Object.values(Object(at(objectOf('ConfigMap/demo-nats', written), 'data'))).join('\n');
}

describe('managed NATS', () => {
  test('is there only where nobody else runs it', () => {
    const names = (written: Written) => idsOf(objectsOf(written)).filter((id) => id.endsWith('nats'));
    expect(names({}).sort()).toEqual([
      'ConfigMap/demo-nats',
      'NetworkPolicy/demo-nats',
      'PodDisruptionBudget/demo-nats',
      'Service/demo-nats',
      'StatefulSet/demo-nats',
    ]);
    expect(names(EXTERNAL)).toEqual([]);
  });

  test('is one server with a volume, restricted, with its password from the Secret', () => {
    expect(objectOf('StatefulSet/demo-nats')).toMatchObject({
      spec: {
        replicas: 1,
        serviceName: 'demo-nats',
        podManagementPolicy: 'Parallel',
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        volumeClaimTemplates: [{ metadata: { name: 'store' }, spec: { resources: { requests: { storage: '10Gi' } } } }],
        template: {
          spec: {
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true },
            containers: [
              {
                image: 'nats:2.14-alpine',
                securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
                env: expect.arrayContaining([
                  { name: 'NATS_PASSWORD', valueFrom: { secretKeyRef: { name: 'demo-nats', key: 'password' } } },
                  { name: 'NATS_PASSWORD_QUOTED', value: '"$(NATS_PASSWORD)"' },
                ]),
              },
            ],
          },
        },
      },
    });
  });

  test('takes its volumes along only where the stream is to be deleted', () => {
    const path = 'spec.persistentVolumeClaimRetentionPolicy.whenDeleted';
    expect(at(objectOf('StatefulSet/demo-nats', { stream: { deletion: 'Delete' } }), path)).toBe('Delete');
  });

  test('uses nine tenths of its volume for messages', () => {
    expect(filesOf({ nats: { managed: { size: '100Gi' } } })).toContain(`max_file_store: ${90 * 2 ** 30}`);
  });

  test('syncs always where it is asked to', () => {
    expect(filesOf({ nats: { managed: { syncAlways: true } } })).toContain('sync_interval: always');
    expect(filesOf({})).not.toContain('sync_interval');
  });

  test('knows the others by their names, and comes to them with the password', () => {
    const route = (one: number) => ({
      name: `NATS_ROUTE_${one}`,
      value: `"nats-route://etherply:$(NATS_PASSWORD)@demo-nats-${one}.demo-nats.chat.svc:6222"`,
    });
    const path = 'spec.template.spec.containers.0.env';
    expect(at(objectOf('StatefulSet/demo-nats', THREE), path)).toEqual(expect.arrayContaining([0, 1, 2].map(route)));
    expect(filesOf(THREE)).toContain('routes: [$NATS_ROUTE_0, $NATS_ROUTE_1, $NATS_ROUTE_2]');
    expect(filesOf({})).not.toContain('routes');
  });

  test('is made anew when its configuration or password changes, and for nothing else', () => {
    const hashes = (written: Written, changes = {}) =>
      at(objectOf('StatefulSet/demo-nats', written, changes), 'spec.template.metadata.annotations');
    const before = hashes({});
    expect(hashes({ strategy: 'lww', auth: { secretRef: { name: 'other' } }, replicas: 9 })).toEqual(before);
    expect(hashes({ nats: { managed: { syncAlways: true } } })).not.toEqual(before);
    expect(hashes({}, { secrets: new Map([['demo-nats', { keys: new Set(), hash: 'new' }]]) })).not.toEqual(before);
    expect(hashes({}, { secrets: new Map([['demo-nats', { keys: new Set(), hash: 'c' }]]) })).toEqual(before);
  });
});

describe('a real nats-server', () => {
  let folder: string;
  let servers: ServerProcess[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'etherply-nats-'));
    servers = [];
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.end()));
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts as many as Kubernetes would, on loopback. @returns their ports */
  async function start(count: number): Promise<{ clients: number[]; monitoring: number[] }> {
    const ports = await loopbackPorts(Array.from({ length: 3 * count }, () => 0));
    const clients = ports.slice(0, count);
    const monitoring = ports.slice(count, 2 * count);
    const routes = ports.slice(2 * count);
    for (const [index, client] of clients.entries()) {
      const file = join(folder, `nats-${index}.conf`);
      const text = natsConfig({
        name: 'demo-nats',
        user: NATS_USER,
        listen: {
          clients: `127.0.0.1:${client}`,
          monitoring: `127.0.0.1:${monitoring[index]}`,
          routes: `127.0.0.1:${routes[index]}`,
        },
        storeDirectory: join(folder, `store-${index}`),
        pidFile: join(folder, `nats-${index}.pid`),
        size: '1Gi',
        count,
        syncAlways: true,
      });
      await writeFile(file, text);
      const variables = natsVariables(
        NATS_USER,
        PASSWORD,
        routes.map((one) => `127.0.0.1:${one}`),
      );
      const args = [...assignments(variables), await natsServer(), '--config', file, '--name', `demo-nats-${index}`];
      servers.push(ServerProcess.start('nats-server', 'env', args));
    }
    return { clients, monitoring };
  }

  /** Starts one with the command of its pod, on the volume of the one before. */
  async function startAsPod(monitoring: number): Promise<ServerProcess> {
    const file = join(folder, `nats-${monitoring}.conf`);
    await writeFile(
      file,
      `listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:${monitoring}"\njetstream { store_dir: "${folder}" }\n`,
    );
    const program = await natsServer();
    const path = 'spec.template.spec.containers.0.command';
    const [command = '', ...args] = z.array(z.string()).parse(at(objectOf('StatefulSet/demo-nats'), path));
    const inPlace = args.map((arg) => {
      if (arg === 'nats-server') return program;
      return arg.replace('/etc/etherply/nats.conf', file).replace('/data/', `${folder}/`);
    });
    const server = ServerProcess.start('nats-server', command, inPlace);
    servers.push(server);
    return server;
  }

  async function untilHealthy(ports: readonly number[]): Promise<void> {
    const isHealthy = async (port: number) => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
    await until(
      async () => {
        for (const server of servers) server.assertRunning();
        return (await Promise.all(ports.map(isHealthy))).every(Boolean);
      },
      { what: 'all servers being healthy' },
    );
  }

  test('is alone on its volume, also when its successor comes early', async () => {
    const [one = 0, other = 0] = await loopbackPorts([0, 0]);
    const first = await startAsPod(one);
    await untilHealthy([one]);
    const isLocked = () => run('flock', ['--nonblock', join(folder, 'lock'), 'true']);
    await expect(isLocked()).rejects.toThrow();
    await startAsPod(other);
    await first.end();
    servers = servers.filter((server) => server !== first);
    await untilHealthy([other]);
    await expect(isLocked()).rejects.toThrow();
  });

  test.each([1, 3])('keeps a stream on %d servers, for who has the password', async (count) => {
    const { clients, monitoring } = await start(count);
    await untilHealthy(monitoring);
    const [port = 0] = clients;
    await expect(connect({ port, reconnect: false })).rejects.toThrow(/authorization/i);
    const connection = await connect({ port, user: NATS_USER, pass: PASSWORD });
    try {
      const manager = await jetstreamManager(connection);
      const { config } = await manager.streams.add({
        name: 'chat_demo',
        subjects: ['chat_demo.>'],
        num_replicas: count,
      });
      expect(config.num_replicas).toBe(count);
      expect(await manager.jetstream().publish('chat_demo.a', 'b')).toMatchObject({ seq: 1 });
    } finally {
      await connection.close();
    }
  });

  test('takes the files of the ConfigMap', async () => {
    for (const written of [{}, THREE]) {
      const file = join(folder, 'nats.conf');
      await writeFile(file, filesOf(written).replaceAll('/run/nats', folder).replace('"/data"', `"${folder}"`));
      const { stderr } = await run('env', [
        ...assignments(natsVariables(NATS_USER, 'x', ['a:1', 'b:1', 'c:1'])),
        await natsServer(),
        '-t',
        '-c',
        file,
      ]);
      expect(stderr).toContain('configuration file');
    }
  });
});
