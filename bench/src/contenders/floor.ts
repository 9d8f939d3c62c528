import { fileURLToPath } from 'node:url';
import type { Contender } from './contender.ts';
import { pinnedVersion } from './packages.ts';

/** A bare uWebSockets.js server that passes messages on: `floor-server.ts`. */
export const floor: Contender = {
  name: 'floor',
  version: pinnedVersion('uWebSockets.js'),
  configuration: 'bare uWebSockets.js: each message goes to the others in its workspace, and is acked',
  guarantees: { ack: 'received', keeps: 'in memory', durable: 'no', synced: false, ordered: 'yes' },
  protocol: 'etherply',
  launch: async () => ({
    args: [fileURLToPath(new URL('../floor-server.js', import.meta.url))],
    env: {},
    ready: /"port":(\d+).*"msg":"ready"/,
  }),
  query: async () => '',
  missing: async () => undefined,
};
