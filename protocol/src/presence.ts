import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { json } from './values.ts';

/** What a session says of itself in a word: "online", "away", "typing". */
export const presenceStatus = z.string().min(1).max(LIMITS.presenceStatusLength);

/** One session in a workspace; a user may have several. */
export const presenceEntry = z
  .object({
    user_id: z.string().describe('Whose session it is.'),
    session_id: z.string().describe('Names the session.'),
    status: presenceStatus.describe('In a word; `online` before it says otherwise.'),
    payload: json.describe('What the session last sent; null before that.'),
  })
  .meta({ title: 'presence entry' });
export type PresenceEntry = z.infer<typeof presenceEntry>;
