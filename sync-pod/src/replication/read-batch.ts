import { type CompletionResult, JetStreamError, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { TIMEOUT_MS } from './stream-link.ts';

const NO_MESSAGES = 404;
const BATCH = 256;
const BATCH_BYTES = 4 << 20;

/**
 * What a stream has of a subject from this number on, in order; empty where there is nothing more. Where the rest does not come in
 * time, what has come: over a slow connection the next call goes on from there. Rejects where nothing came.
 */
export async function readBatch(
  manager: JetStreamManager,
  stream: string,
  first: number,
  subject: string,
): Promise<StoredMsg[]> {
  const batch: StoredMsg[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      // Where the connection is lost in between, the rest never comes.
      timer = setTimeout(() => stop(new Error('the stream did not answer in time')), TIMEOUT_MS);
      let stop = reject;
      // As an iterator it would never give up its subscription.
      const callback = (done: CompletionResult | null, message: StoredMsg) => {
        if (done === null) {
          timer?.refresh();
          batch.push(message);
        } else if (done.err === undefined) resolve();
        else reject(done.err);
      };
      const query = { seq: first, next_by_subj: subject, batch: BATCH, max_bytes: BATCH_BYTES, callback };
      manager.direct.getBatch(stream, query).then((messages) => {
        stop = (error) => messages.stop(error);
      }, reject);
    });
    return batch;
  } catch (error) {
    if (error instanceof JetStreamError && 'code' in error && error.code === NO_MESSAGES) return [];
    if (batch.length === 0) throw error;
    return batch;
  } finally {
    clearTimeout(timer);
  }
}
