import { createHmac } from 'node:crypto';

/**
 * What stands in `X-EtherPly-Signature`. The timestamp is signed along, so that a receiver can refuse what somebody
 * recorded and sends again later.
 */
export function sign(secret: string, timestampSeconds: number, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestampSeconds}.${body}`).digest('hex')}`;
}
