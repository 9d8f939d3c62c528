import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import type { Contender } from './contender.ts';
import { missingPeers, peerFile, pinnedVersion } from './packages.ts';

export const sharedb: Contender = {
  name: 'sharedb',
  version: pinnedVersion('sharedb'),
  configuration: 'with ws and the database in memory that it brings; a client has one op on its way, as its own has',
  guarantees: { ack: 'applied in memory', keeps: 'in memory', durable: 'no', synced: false, ordered: 'yes' },
  protocol: 'sharedb',
  launch: async () => {
    const [port = 0] = await loopbackPorts([0]);
    const env = { HOST: '127.0.0.1', PORT: `${port}` };
    return { args: [peerFile('servers/sharedb.mjs')], env, ready: /ready/, port };
  },
  query: async () => '',
  missing: missingPeers,
};
