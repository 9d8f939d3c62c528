import { Client } from './client.ts';
import type { ClientOptions } from './options.ts';

export type { Durability, Json, OpEvent, PresenceEntry } from '@etherply/protocol';
export type { Ack, Client, Transaction } from './client.ts';
export type { BackoffOptions } from './connection/backoff.ts';
export type { Status } from './connection/connection.ts';
export type { HeartbeatOptions } from './connection/heartbeat.ts';
export type { Token } from './connection/token-source.ts';
export type { WebSocketConstructor, WebSocketLike } from './connection/web-socket.ts';
export { EtherPlyError, type EtherPlyErrorCode } from './error.ts';
export type { Change, ClientEvents, Rejection } from './events.ts';
export type { Message, Write } from './message.ts';
export type { ClientOptions } from './options.ts';
export { type IndexedDb, indexedDbOutbox } from './outbox/indexed-db-outbox.ts';
export { memoryOutbox } from './outbox/memory-outbox.ts';
export type { Outbox } from './outbox/outbox.ts';
export type { PresenceChange } from './replica/roster.ts';

/**
 * Opens a workspace and returns it at once: what is written before there is a connection is sent when there is one. It keeps
 * connecting, and a Node process running, until it is closed.
 * @throws TypeError where there is no WebSocket
 */
export function connect(options: ClientOptions): Client {
  return new Client(options);
}
