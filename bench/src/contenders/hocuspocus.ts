import { join } from 'node:path';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import type { Contender } from './contender.ts';
import { missingPeers, peerFile, pinnedVersion } from './packages.ts';

export const hocuspocus: Contender = {
  name: 'hocuspocus',
  version: pinnedVersion('@hocuspocus/server'),
  configuration: 'with its SQLite extension on a file, and its defaults',
  guarantees: {
    ack: 'applied in memory',
    keeps: 'on disk',
    durable: '2 s after the last write, 10 s after the first',
    synced: false,
    ordered: 'merged (Yjs)',
  },
  protocol: 'hocuspocus',
  launch: async (dataDir) => {
    const [port = 0] = await loopbackPorts([0]);
    const env = { HOST: '127.0.0.1', PORT: `${port}`, DATABASE: join(dataDir, 'documents.sqlite') };
    return { args: [peerFile('servers/hocuspocus.mjs')], env, ready: /ready/, port };
  },
  query: async () => '',
  missing: missingPeers,
};
