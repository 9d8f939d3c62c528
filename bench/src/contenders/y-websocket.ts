import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import type { Contender } from './contender.ts';
import { missingPeers, peerFile, pinnedVersion } from './packages.ts';

export const yWebsocket: Contender = {
  name: 'y-websocket',
  version: pinnedVersion('@y/websocket-server'),
  configuration: 'as `npx y-websocket` starts it, in memory',
  guarantees: {
    ack: 'none: it sends the write back',
    keeps: 'in memory',
    durable: 'no',
    synced: false,
    ordered: 'merged (Yjs)',
  },
  protocol: 'y-websocket',
  launch: async () => {
    const [port = 0] = await loopbackPorts([0]);
    const args = [peerFile('node_modules/@y/websocket-server/src/server.js')];
    return { args, env: { HOST: '127.0.0.1', PORT: `${port}` }, ready: /running at/, port };
  },
  query: async () => '',
  missing: missingPeers,
};
