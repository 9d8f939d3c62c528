import type { Durability, ErrorCode } from '@etherply/protocol';
import type { RegisterView } from '../../strategy/strategy.ts';
import type { Rejection } from './submission.ts';

// Frames are put together as text: values keep the text that they were stored with and are never parsed again.

/** What a key holds, as a member of a JSON object. */
export function heldText(json: string | undefined): string {
  return json === undefined ? '"deleted":true' : `"value":${json}`;
}

export function eventText({ key, json, timestamp }: RegisterView): string {
  return `{"key":${JSON.stringify(key)},${heldText(json)},"timestamp":${timestamp}}`;
}

export function opFrame(event: string, user: string): string {
  return `{"type":"op","payload":${event},"user_id":${JSON.stringify(user)}}`;
}

export function opsFrame(events: readonly string[], user: string, heads: readonly string[]): string {
  return `{"type":"ops","payload":[${events.join(',')}],"user_id":${JSON.stringify(user)},"heads":${JSON.stringify(heads)}}`;
}

export function ackText(
  ids: readonly string[],
  count: number,
  heads: readonly string[],
  durability: Durability,
): string {
  return `"ids":${JSON.stringify(ids)},"count":${count},"heads":${JSON.stringify(heads)},"durability":"${durability}"`;
}

export function errorFrame(code: ErrorCode, message: string, id?: string): string {
  return JSON.stringify({ type: 'error', code, payload: `${code}: ${message}`, ...(id !== undefined && { id }) });
}

export function rejectFrame({ key, code, message, held, heads }: Rejection, id: string | undefined): string {
  const about = JSON.stringify({ type: 'reject', ...(id !== undefined && { id }), key, code, message, heads });
  return `${about.slice(0, -1)},${heldText(held?.json)}}`;
}
