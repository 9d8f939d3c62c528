import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { WATCHED_URL } from './watched-url.ts';

/** The secret of development mode: made on the first run and kept in the data directory, readable by its owner alone. */
export async function developmentSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, 'development-secret');
  const secret = randomBytes(32).toString('base64url');
  try {
    await writeFile(path, secret, { flag: 'wx', mode: 0o600 });
    return secret;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return readFile(path, 'utf8');
    throw error;
  }
}

/** A token that may do everything, for 30 days. */
export function developmentToken(secret: string): Promise<string> {
  return new SignJWT({ scopes: ['admin'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('developer')
    .setExpirationTime('30d')
    .sign(new TextEncoder().encode(secret));
}

/** What `make run` says: how to try it. */
export async function welcome(secret: string, port: number): Promise<string> {
  const token = await developmentToken(secret);
  const url = `ws://127.0.0.1:${port}`;
  const setting = url === WATCHED_URL ? '' : `URL=${url} `;
  return `
EtherPly runs on http://127.0.0.1:${port} in development mode: its secret was made on this machine.

This token may do everything, for 30 days. In two other terminals, set it first:

  export TOKEN=${token}

  1. watch a workspace:   ${setting}npm run --silent watch -- demo
  2. write to it:         curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:${port}/v1/workspaces/demo/ops \\
                            -d '{"key":"greeting","value":"hello"}'

Ctrl-C ends it.
`;
}
