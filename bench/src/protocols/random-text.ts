import { randomBytes } from 'node:crypto';

/** Text of so many bytes that says nothing about the next one, so that it cannot be compressed much. */
export function randomText(bytes: number): string {
  return randomBytes(Math.ceil((bytes * 3) / 4))
    .toString('base64')
    .slice(0, bytes);
}
