import { automergeRepo } from './automerge-repo.ts';
import { centrifugo } from './centrifugo.ts';
import { etherply } from './etherply.ts';
import { hocuspocus } from './hocuspocus.ts';
import type { Protocol } from './protocol.ts';
import { sharedb } from './sharedb.ts';
import { yWebsocket } from './y-websocket.ts';

export const PROTOCOL_NAMES = [
  'etherply',
  'hocuspocus',
  'y-websocket',
  'automerge-repo',
  'sharedb',
  'centrifugo',
] as const;
export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

export const PROTOCOLS: Record<ProtocolName, Protocol> = {
  etherply,
  hocuspocus,
  'y-websocket': yWebsocket,
  'automerge-repo': automergeRepo,
  sharedb,
  centrifugo,
};
