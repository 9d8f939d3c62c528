import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from './contender.ts';
import { freePort } from './free-port.ts';

/** `@automerge/automerge-repo-sync-server`. */
export const syncServer: Program = {
  name: 'sync-server',
  launch: async (dataDir) => {
    const port = await freePort();
    return {
      args: [fileURLToPath(import.meta.resolve('@automerge/automerge-repo-sync-server'))],
      // These are all settings that it has.
      env: { PORT: `${port}`, DATA_DIR: join(dataDir, 'documents') },
      ready: /Listening on port/,
      port,
    };
  },
};
