import type { Contender } from '../contenders/contender.ts';

const WITHOUT_DOCUMENTS = ['floor', 'centrifugo'];

/** Why a contender cannot be asked for documents that were filled. */
export function lacksDocuments({ name }: Contender): string | undefined {
  if (WITHOUT_DOCUMENTS.includes(name)) return 'it keeps no documents';
  if (name === 'sync-server')
    return 'its clients would take longer than it: `make bounds-repo` compares with the same clients';
  return undefined;
}

/** For what only EtherPly is measured with. */
export function onlyEtherPly({ name }: Contender): string | undefined {
  return name === 'etherply' ? undefined : 'only EtherPly is measured';
}
