/**
 * What came of one attempt. `refused`: the receiver said no, and would say it again. `failed`: it may work later.
 * A reason is one of few: `http_<status>`, `timeout`, a code of Node's such as `ECONNREFUSED`, or `network`.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs: number };

/** Request Timeout, Too Early, Too Many Requests. */
const PASSING = new Set([408, 425, 429]);

/** @param retryAfter the header; only seconds are understood, not a date */
export function outcomeOfAnswer(status: number, retryAfter: string | null): Outcome {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const reason = `http_${status}`;
  if (status >= 400 && status < 500 && !PASSING.has(status)) return { kind: 'refused', reason };
  const seconds = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : 0;
  return { kind: 'failed', reason, retryAfterMs: 1000 * seconds };
}

/** @param error what `fetch` rejected with */
export function outcomeOfError(error: unknown): Outcome {
  const reason =
    field(error, 'name') === 'TimeoutError' ? 'timeout' : (field(field(error, 'cause'), 'code') ?? 'network');
  return { kind: 'failed', reason: String(reason), retryAfterMs: 0 };
}

/** `fetch` wraps the error that says what happened, and what it wraps has no type of its own. */
function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
