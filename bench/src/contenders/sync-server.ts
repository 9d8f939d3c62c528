import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import type { Contender } from './contender.ts';
import { pinnedVersion } from './packages.ts';

/** `@automerge/automerge-repo-sync-server`. */
export const syncServer: Contender = {
  name: 'sync-server',
  version: pinnedVersion('@automerge/automerge-repo-sync-server'),
  configuration: "automerge-repo's sync server, which has no settings but its port and its directory",
  guarantees: {
    ack: 'none: another client has it',
    keeps: 'on disk',
    durable: 'a moment later',
    synced: false,
    ordered: 'merged (Automerge)',
  },
  protocol: 'automerge-repo',
  launch: async (dataDir) => {
    const [port = 0] = await loopbackPorts([0]);
    return {
      args: [fileURLToPath(import.meta.resolve('@automerge/automerge-repo-sync-server'))],
      env: { PORT: `${port}`, DATA_DIR: join(dataDir, 'documents') },
      ready: /Listening on port/,
      port,
    };
  },
  query: async () => '',
  missing: async () => undefined,
};
