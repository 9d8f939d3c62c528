import { decodeHomeRequest, encodeOutcomes, type HomeRequest } from '../workspace/home/home-message.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import type { Workspaces } from './workspaces.ts';

/** Does for another region what it asks of this one, and gives the answer. @throws where the bytes ask nothing, and as `Workspaces` */
export async function answerRegion(bytes: Uint8Array, workspaces: Workspaces): Promise<Uint8Array> {
  return encodeOutcomes(await carryOut(decodeHomeRequest(bytes), workspaces));
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
