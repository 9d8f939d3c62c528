import { LIMITS } from '@etherply/protocol';

/** What is wrong with a frame, and where. */
export function describe(issues: readonly { path: readonly PropertyKey[]; message: string }[]): string {
  const issue = issues[0];
  if (issue === undefined) return 'the frame breaks the schema';
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

/** The id that a broken frame carries, so that its sender knows which op was refused. */
export function idOf(parsed: unknown): string | undefined {
  if (typeof parsed !== 'object' || parsed === null || !('id' in parsed)) return undefined;
  return typeof parsed.id === 'string' && parsed.id.length <= LIMITS.opIdLength ? parsed.id : undefined;
}
