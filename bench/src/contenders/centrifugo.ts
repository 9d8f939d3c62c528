import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import { goPrograms, goVersion } from '../../../scripts/tools.mjs';
import type { Contender } from './contender.ts';

/** History as its documentation has it for channels that recover. */
const CONFIGURATION = {
  client: { insecure: true, allowed_origins: [] },
  channel: {
    without_namespace: {
      history_size: 100,
      history_ttl: '300s',
      force_recovery: true,
      allow_subscribe_for_client: true,
      allow_publish_for_subscriber: true,
    },
  },
  log: { level: 'info' },
};

export const centrifugo: Contender = {
  name: 'centrifugo',
  version: goVersion('centrifugo'),
  configuration: 'with its engine in memory; channels have a history of 100 messages or 5 minutes, and recovery',
  guarantees: { ack: 'in the history in memory', keeps: 'in memory', durable: 'no', synced: false, ordered: 'yes' },
  protocol: 'centrifugo',
  launch: async (dataDir) => {
    const [port = 0] = await loopbackPorts([0]);
    const file = join(dataDir, 'config.json');
    await writeFile(file, JSON.stringify({ ...CONFIGURATION, http_server: { address: '127.0.0.1', port } }));
    const { centrifugo: command } = await goPrograms('centrifugo');
    return { command, args: ['--config', file], env: {}, ready: /serving websocket/, readyOn: 'stderr', port };
  },
  query: async () => '',
  missing: async () => {
    try {
      await goPrograms('centrifugo');
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },
};
