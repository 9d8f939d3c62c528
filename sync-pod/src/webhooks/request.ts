import type { EventType } from './event.ts';
import { type Outcome, outcomeOfAnswer, outcomeOfError } from './outcome.ts';
import { sign } from './signature.ts';

/** What is read of an answer's body, so that its socket can be used again; a longer one costs the socket. */
const MAX_ANSWER_BYTES = 65_536;

export interface Receiver {
  readonly url: string;
  readonly secret: string;
}

/** An event as it is sent, the same in each attempt. */
export interface Message {
  readonly id: string;
  readonly type: EventType;
  readonly body: string;
}

/** Makes one attempt. Never rejects. An abort of `signal` ends it in any state, also while the answer's body comes. */
export async function post(
  { url, secret }: Receiver,
  { id, type, body }: Message,
  timestampSeconds: number,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': 'EtherPly',
        'X-EtherPly-Event': type,
        'X-EtherPly-Delivery': id,
        'X-EtherPly-Timestamp': String(timestampSeconds),
        'X-EtherPly-Signature': sign(secret, timestampSeconds, body),
      },
      body,
      // What is signed for this receiver is for no other.
      redirect: 'manual',
      signal,
    });
    await discardBody(answer);
    return outcomeOfAnswer(answer.status, answer.headers.get('retry-after'));
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Never rejects: the status has said all, whatever becomes of the body. */
async function discardBody({ body }: Response): Promise<void> {
  if (body === null) return;
  let size = 0;
  try {
    for await (const chunk of body) {
      const { byteLength }: Uint8Array = chunk;
      size += byteLength;
      if (size > MAX_ANSWER_BYTES) break; // cancels it, which closes the socket
    }
  } catch {
    // It broke off, or took too long: its socket is closed, and that is all that is lost.
  }
}
