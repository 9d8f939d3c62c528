import { type PresenceEntry, type PresenceFrame, presenceAnswer } from '@etherply/protocol';
import { type Pod, type TestClient, token } from './pod.ts';

/** A query that connects as this user. */
export async function as(user: string): Promise<{ token: string }> {
  return { token: await token({ sub: user }) };
}

/** Who is in a workspace, as a pod says over REST. */
export async function hereOn(pod: Pod, workspace: string): Promise<PresenceEntry[]> {
  return presenceAnswer.parse((await pod.request('GET', `/v1/presence/${workspace}`)).body);
}

/** Takes frames until one says so much of somebody. */
export async function seen(client: TestClient, says: (frame: PresenceFrame) => boolean): Promise<PresenceFrame> {
  for (;;) {
    const frame = await client.take('presence');
    if (says(frame)) return frame;
  }
}

export const joined = (user: string) => (frame: PresenceFrame) => {
  return 'joined' in frame && frame.joined.some(({ user_id }) => user_id === user);
};

export const updated = (user: string) => (frame: PresenceFrame) => {
  return 'updated' in frame && frame.updated.some(({ user_id }) => user_id === user);
};

export const left = (user: string) => (frame: PresenceFrame) => {
  return 'left' in frame && frame.left.some(({ user_id }) => user_id === user);
};
