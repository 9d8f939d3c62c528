import type { Contender } from '../contenders/contender.ts';

const WITHOUT_DOCUMENTS = ['floor', 'centrifugo'];

/** Why a contender cannot be asked for documents that were filled. */
export function lacksDocuments({ name }: Contender): string | undefined {
  if (WITHOUT_DOCUMENTS.includes(name)) return 'it keeps no documents';
  if (name === 'sync-server')
    return 'its clients would take longer than it: `make bounds-repo` compares with the same clients';
  return undefined;
}

/** Why a contender cannot be measured with many clients that each take in the writes of all others. */
export function lacksCheapClients({ name }: Contender): string | undefined {
  return name === 'sync-server' ? 'its clients take longer than it to take in what comes' : undefined;
}
