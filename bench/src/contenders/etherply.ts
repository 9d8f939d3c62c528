import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import type { Contender } from './contender.ts';
import { ownVersion } from './packages.ts';

const SECRET = 'a secret for measurements only';

export const etherply: Contender = {
  name: 'etherply',
  version: ownVersion('sync-pod'),
  configuration: 'one pod as `npm start` runs it; its limits of ops a second are off',
  guarantees: { ack: 'in a synced log', keeps: 'on disk', durable: 'yes', synced: true, ordered: 'yes' },
  protocol: 'etherply',
  launch: async (dataDir) => ({
    // As `npm start` does.
    args: [
      '--initial-heap-size=128',
      '--max-semi-space-size=8',
      fileURLToPath(new URL('../../../sync-pod/dist/main.js', import.meta.url)),
    ],
    env: {
      PORT: '0',
      ETHERPLY_HOST: '127.0.0.1',
      ETHERPLY_JWT_SECRET: SECRET,
      ETHERPLY_DATA_DIRS: join(dataDir, 'shard-0'),
      // What is measured is how much passes, not how much may.
      ETHERPLY_MAX_OPS_PER_SECOND: '0',
      ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: '0',
    },
    ready: /"port":(\d+).*"msg":"ready"/,
  }),
  // Batches, as EtherPly's own client has them; presence only where it is what is measured, as with the others.
  query: async (subject) => `${subject === 'keys' ? 'presence=0&' : ''}batch=1&token=${await benchToken()}`,
  missing: async () => undefined,
};

/** A token that may do everything on a pod started here. */
export function benchToken(): Promise<string> {
  return new SignJWT({ sub: 'bench', scopes: ['admin'] })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
}
