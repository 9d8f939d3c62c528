import { resolve } from 'node:path';
import { benchToken, etherply } from './contenders/etherply.ts';
import { syncServer } from './contenders/sync-server.ts';
import { seeded } from './repo-sync-messages.ts';
import { withClients } from './repo-sync-process.ts';
import { ServerProcess } from './server-process.ts';

export const CONTENDERS = ['sync-server', 'etherply'] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface RepoSyncOptions {
  /** How often each contender is measured; medians count. */
  readonly rounds: number;
  /** Of each measurement of edits. */
  readonly seconds: number;
  /** Where CPU profiles of the pod go; undefined: there are none. */
  readonly profile: string | undefined;
  readonly progress: (line: string) => void;
}

/** A server for automerge-repo clients, and where they connect to. */
export interface RepoServer {
  readonly server: ServerProcess;
  readonly url: string;
}

export async function startRepoServer(
  contender: Contender,
  { profile }: Pick<RepoSyncOptions, 'profile'>,
  dataDir?: string,
): Promise<RepoServer> {
  if (contender === 'sync-server') {
    const server = await ServerProcess.start(syncServer, {}, dataDir);
    return { server, url: `ws://127.0.0.1:${server.port}` };
  }
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`];
  const server = await ServerProcess.start(etherply, { ETHERPLY_REPO_SYNC: 'true' }, dataDir, nodeOptions);
  return { server, url: `ws://127.0.0.1:${server.port}/v1/repo?token=${await benchToken()}` };
}

/** Makes documents on a server; resolves with their URLs when others find them. */
export function seedDocuments(
  { url: server }: RepoServer,
  what: { readonly documents: number; readonly keys: number; readonly valueBytes: number },
): Promise<readonly string[]> {
  return withClients([{ task: 'seed', server, ...what }], async ([author]) => {
    if (author === undefined) throw new Error('no process was started');
    return (await author.report(seeded)).documents;
  });
}
