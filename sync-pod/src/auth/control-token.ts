import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether the header Authorization carries this token. How long that takes says nothing about the token, its length included. */
export function isControlToken(token: string, authorization: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(authorization)?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
