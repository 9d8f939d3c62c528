import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { z } from 'zod';
import { type StoredObject, storedObject } from '../kube/stored-object.ts';
import { ApiError } from './api-error.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: StoredObject }
  /** Nothing happened up to here. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

const line = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), object: storedObject }),
  z.object({
    type: z.literal('BOOKMARK'),
    object: z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) }),
  }),
  z.object({ type: z.literal('ERROR'), object: z.unknown() }),
]);

/**
 * The events of a watch: one JSON text a line.
 * @param name of the watch, for errors
 * @param onData is called when anything comes
 * @throws ApiError that the server sent as an event
 */
export async function* readWatch(
  response: IncomingMessage,
  name: string,
  onData: () => void,
): AsyncGenerator<WatchEvent> {
  for await (const text of lines(response, onData)) {
    const event = line.parse(JSON.parse(text));
    if (event.type === 'ERROR') throw ApiError.parse(name, 500, JSON.stringify(event.object));
    if (event.type === 'BOOKMARK') {
      yield { type: event.type, resourceVersion: event.object.metadata.resourceVersion };
    } else {
      yield event;
    }
  }
}

async function* lines(response: IncomingMessage, onData: () => void): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  for await (const chunk of response) {
    onData();
    const [first = '', ...others] = decoder.write(chunk).split('\n');
    pending += first;
    for (const other of others) {
      if (pending !== '') yield pending;
      pending = other;
    }
  }
}
