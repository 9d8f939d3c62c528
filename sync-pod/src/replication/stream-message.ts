import { originOf } from '@etherply/stream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { Predecessor, Publication, Rollup, StreamMessage } from './stream.ts';

const AFTER_HEADER = 'EtherPly-After';
const AFTER_SEQUENCE_HEADER = 'EtherPly-After-Sequence';
const ROLLUP_HEADER = 'EtherPly-Rollup';
const rollups: readonly Rollup[] = ['summary', 'reset'];
const OBJECT_HEADER = 'EtherPly-Object';

/**
 * What a message says of itself.
 * @param object the name of what it stands for, where that is too large for a message
 * @param purges whether a rollup takes the place of what is before it in the stream
 */
export function headersOf({ rollup, after }: Publication, object: string | undefined, purges: boolean): MsgHdrs {
  const hdrs = headers();
  if (rollup !== undefined) {
    // Purging takes other messages from consumers, too: docs/decisions/0033-no-purge-under-consumers.md
    if (purges) hdrs.set('Nats-Rollup', 'sub');
    hdrs.set(ROLLUP_HEADER, rollup);
    if (after !== undefined) hdrs.set(AFTER_HEADER, after.id);
    if (after?.sequence !== undefined) hdrs.set(AFTER_SEQUENCE_HEADER, `${after.sequence}`);
  }
  if (object !== undefined) hdrs.set(OBJECT_HEADER, object);
  return hdrs;
}

/** The name of what a message stands for; empty where it has its content itself. */
export function objectOf(hdrs: MsgHdrs): string {
  return hdrs.get(OBJECT_HEADER);
}

/** @param payload gives what a message stands for, by its name */
export function messageOf(
  subject: string,
  sequence: number,
  hdrs: MsgHdrs,
  data: Uint8Array,
  payload: (origin: string, name: string) => Promise<Uint8Array>,
): StreamMessage {
  const object = objectOf(hdrs);
  const origin = originOf(subject);
  return {
    origin,
    sequence,
    id: hdrs.get('Nats-Msg-Id'),
    after: predecessorOf(hdrs),
    rollup: rollups.find((rollup) => rollup === hdrs.get(ROLLUP_HEADER)),
    content: object === '' ? () => data : once(() => payload(origin, object)),
  };
}

function predecessorOf(hdrs: MsgHdrs): Predecessor | undefined {
  const id = hdrs.get(AFTER_HEADER);
  if (id === '') return undefined;
  return { id, sequence: Number(hdrs.get(AFTER_SEQUENCE_HEADER)) || undefined };
}

/** Fetches once for all who ask, and after a failure again. */
function once(fetch: () => Promise<Uint8Array>): () => Promise<Uint8Array> {
  let content: Promise<Uint8Array> | undefined;
  return () => {
    content ??= fetch().catch((error: unknown) => {
      content = undefined;
      throw error;
    });
    return content;
  };
}
