import { z } from 'zod';
import { LIMITS } from './limits.ts';

const WORKSPACE_ID = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._:@~-]{0,${LIMITS.workspaceIdLength - 1}}$`);

/** The id of a workspace, after percent-decoding. */
export const workspaceId = z.string().regex(WORKSPACE_ID).brand<'WorkspaceId'>();
export type WorkspaceId = z.infer<typeof workspaceId>;

/** The workspace id that an URL segment names, or undefined where it names none. */
export function parseWorkspaceId(segment: string): WorkspaceId | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    return undefined; // not percent-encoding: no id either
  }
  return workspaceId.safeParse(decoded).data;
}
