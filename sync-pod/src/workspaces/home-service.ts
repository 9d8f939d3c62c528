import type { NatsClient } from '../replication/nats-client.ts';
import { serve } from '../replication/requests.ts';
import { decodeHomeRequest, encodeOutcomes, type HomeRequest } from '../workspace/home/home-message.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import type { Workspaces } from './workspaces.ts';

/** Does for other regions what they ask of this one. */
export function serveHome(
  nats: NatsClient,
  subject: string,
  workspaces: Workspaces,
  failed: (error: unknown) => void,
): void {
  serve(nats, subject, async (bytes) => encodeOutcomes(await carryOut(decodeHomeRequest(bytes), workspaces)), failed);
}

async function carryOut(asked: HomeRequest, workspaces: Workspaces): Promise<Outcome[]> {
  if (asked.kind === 'configure') return [await workspaces.configure(asked.workspace, asked.settings)];
  if (asked.kind === 'delete') return [await workspaces.delete(asked.workspace)];
  return workspaces.use(asked.workspace, (workspace) => {
    const settled = asked.messages.map((message) => {
      return new Promise<Outcome>((settle) => workspace.submit({ ...message, origin: undefined, settle }));
    });
    return Promise.all(settled);
  });
}
