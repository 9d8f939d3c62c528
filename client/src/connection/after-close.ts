import { EtherPlyError } from '../error.ts';

/** What a client does when its connection has closed. */
export type AfterClose =
  | { readonly next: 'backoff'; readonly atLeastMs: number }
  | { readonly next: 'renew_token' }
  | { readonly next: 'wait'; readonly ms: number }
  | { readonly next: 'end'; readonly error: EtherPlyError };

/** @param renewable whether another token can be had */
export function afterClose(code: number, reason: string, renewable: boolean): AfterClose {
  switch (code) {
    case 1012: {
      const ms = retryAfterMs(reason);
      return ms === undefined ? { next: 'backoff', atLeastMs: 0 } : { next: 'wait', ms };
    }
    case 4429:
      // Too fast again right after that, it has to become slower still.
      return { next: 'backoff', atLeastMs: retryAfterMs(reason) ?? 0 };
    case 4400:
      return { next: 'end', error: new EtherPlyError('bad_request', reason) };
    case 4401:
      return renewable ? { next: 'renew_token' } : { next: 'end', error: new EtherPlyError('token_expired', reason) };
    case 4403:
      return { next: 'end', error: new EtherPlyError('permission_denied', reason) };
    case 4410:
      return { next: 'end', error: new EtherPlyError('workspace_deleted', reason) };
    default:
      return { next: 'backoff', atLeastMs: 0 };
  }
}

function retryAfterMs(reason: string): number | undefined {
  try {
    const { retry_after_ms: ms } = JSON.parse(reason);
    return typeof ms === 'number' && ms >= 0 ? ms : undefined;
  } catch {
    return undefined; // a proxy's own 1012
  }
}
