import { centrifugo } from './centrifugo.ts';
import type { Contender } from './contender.ts';
import { etherply } from './etherply.ts';
import { floor } from './floor.ts';
import { hocuspocus } from './hocuspocus.ts';
import { sharedb } from './sharedb.ts';
import { syncServer } from './sync-server.ts';
import { yWebsocket } from './y-websocket.ts';

/** In the order in which they are measured and shown. */
export const CONTENDERS: readonly Contender[] = [
  floor,
  etherply,
  hocuspocus,
  yWebsocket,
  syncServer,
  sharedb,
  centrifugo,
];
