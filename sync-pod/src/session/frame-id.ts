import { LIMITS } from '@etherply/protocol';

/** The id that a broken frame carries, so that its sender knows which op was refused. */
export function idOf(parsed: unknown): string | undefined {
  if (typeof parsed !== 'object' || parsed === null || !('id' in parsed)) return undefined;
  return typeof parsed.id === 'string' && parsed.id.length <= LIMITS.opIdLength ? parsed.id : undefined;
}
