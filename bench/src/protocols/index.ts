import { etherply } from './etherply.ts';
import { hocuspocus } from './hocuspocus.ts';
import type { Protocol } from './protocol.ts';
import { yWebsocket } from './y-websocket.ts';

export const PROTOCOL_NAMES = ['etherply', 'hocuspocus', 'y-websocket'] as const;
export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

export const PROTOCOLS: Record<ProtocolName, Protocol> = { etherply, hocuspocus, 'y-websocket': yWebsocket };
