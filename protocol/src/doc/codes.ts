import type { CLOSE, ErrorCode, RejectCode } from '../frames.ts';
import type { LIMITS } from '../limits.ts';

/** What something means, and what a client does about it. */
interface Meaning {
  readonly meaning: string;
  readonly advice: string;
}

export const errorMeanings: Readonly<Record<ErrorCode, Meaning>> = {
  bad_request: {
    meaning: 'The frame or request breaks the protocol; the text names what is wrong.',
    advice: 'Drop it, and mend the client.',
  },
  unauthorized: {
    meaning: 'No token, or one that is not accepted: malformed, expired, signed by somebody else.',
    advice: 'Get a new token.',
  },
  permission_denied: {
    meaning: 'The token is good but does not allow this, or the workspace is read-only.',
    advice: 'Drop the message. The connection goes on.',
  },
  not_found: {
    meaning: 'REST only: no such route, commit or heads.',
    advice: 'Ask for something else.',
  },
  id_reused: {
    meaning: 'This user sent another content under this id a short time ago.',
    advice: 'Drop the message, and mend what makes the ids.',
  },
  precondition_failed: {
    meaning: 'REST only: the heads in `If-Match` are not those of the workspace.',
    advice: 'Read the workspace again, decide again.',
  },
  too_large: {
    meaning: 'A REST body or a presence payload is too large.',
    advice: 'Make it smaller.',
  },
  too_fast: {
    meaning: 'This connection, or all of this workspace together, sends too much. The message was not taken.',
    advice: 'Keep the message: the connection closes with 4429; send it again on the next one.',
  },
  quota_exceeded: {
    meaning: 'The workspace would have too many keys or bytes.',
    advice: 'Drop the message. Deleting, and what makes the workspace no larger, still works.',
  },
  rejected: {
    meaning: 'REST only: the rules of a `server-auth` workspace are against it. The text begins with the reject code.',
    advice: 'Drop it.',
  },
  unavailable: {
    meaning: 'The pod cannot do it now. A message may or may not have taken effect.',
    advice: 'Keep the message and send it again under its id, after a pause. REST: after `Retry-After` seconds.',
  },
};

export const rejectMeanings: Readonly<Record<RejectCode, string>> = {
  schema_violation: 'The document would break the JSON Schema of the workspace.',
  writer_not_allowed: 'A rule for this key names who may write it, and this token is not among them.',
  step_too_large: 'A rule bounds by how much one write may change this number, or the value is no number.',
  key_rate_exceeded: 'A rule bounds how often this key is written.',
};

interface CloseMeaning extends Meaning {
  readonly reconnect: string;
}

export const closeMeanings: Readonly<Record<keyof typeof CLOSE, CloseMeaning>> = {
  tooLarge: {
    meaning: 'A message was larger than the pod takes.',
    reconnect: 'with backoff',
    advice: 'Drop the largest message in flight before: it would end each connection.',
  },
  restart: {
    meaning: 'The pod restarts, or the strategy of the workspace was changed. Reason: `{"retry_after_ms":N}`.',
    reconnect: 'after `retry_after_ms`',
    advice: 'The times are spread, so that not all come at once. Without such a reason, as from a proxy: with backoff.',
  },
  badFrames: {
    meaning: 'Too many bad frames in a minute.',
    reconnect: 'no',
    advice: 'Mend the client.',
  },
  tokenExpired: {
    meaning: 'The token has ended.',
    reconnect: 'with a new token',
    advice: 'At once the first time, with backoff where the new one ends at once, too.',
  },
  forbidden: {
    meaning: 'The right to the workspace was withdrawn. Reserved: this version never sends it.',
    reconnect: 'no',
    advice: 'Tell the user.',
  },
  tooSlow: {
    meaning: 'The client did not read fast enough, and has missed frames.',
    reconnect: 'with backoff',
    advice: 'What was missed comes with the first frame. Read faster, or do less at each frame.',
  },
  deleted: {
    meaning: 'The workspace was deleted.',
    reconnect: 'no',
    advice: 'Its state and heads are worth nothing any more; who connects again gets a new, empty workspace.',
  },
  tooFast: {
    meaning: 'Too much was sent. Reason: `{"retry_after_ms":N}`.',
    reconnect: 'with backoff, at least `retry_after_ms`',
    advice: 'Send again what was not acked, and slower.',
  },
};

interface LimitMeaning {
  readonly unit: string;
  readonly meaning: string;
}

export const limitMeanings: Readonly<Record<keyof typeof LIMITS, LimitMeaning>> = {
  workspaceIdLength: { unit: 'characters', meaning: 'Longest id of a workspace.' },
  keyBytes: { unit: 'bytes of UTF-8', meaning: 'Longest key; the shortest has one.' },
  opIdLength: { unit: 'UTF-16 code units', meaning: 'Longest id of a message; the shortest has one.' },
  valueDepth: { unit: 'levels', meaning: 'Deepest nesting of arrays and objects in a value.' },
  userIdLength: { unit: 'characters', meaning: 'the id of a user: the `sub` of the token, or `?userId=`' },
  presenceStatusLength: { unit: 'UTF-16 code units', meaning: 'Longest presence status; the shortest has one.' },
  badFramesPerMinute: { unit: 'frames', meaning: 'So many bad frames in a minute close the connection.' },
  opIdMemoryMs: { unit: 'milliseconds', meaning: 'For so long at least the id of a message is remembered.' },
};
