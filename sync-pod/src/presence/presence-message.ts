import { presenceEntry } from '@etherply/protocol';
import { z } from 'zod';

const VERSION = 1;
/** The pod that sends it: random for each start. */
const pod = z.string().min(1).max(64);
/** Numbers the changes that a pod has published, rising; 0: none yet. */
const sequence = z.int().min(0);
const head = { v: z.literal(VERSION), pod };

const presenceMessage = z.discriminatedUnion('type', [
  /** Asks every pod, or one, for the list of its members. */
  z.object({ ...head, type: z.literal('hello'), to: pod.optional() }),
  /** Members of the sender that came or said something new, and sessions that left, since its changes numbered `previous`. */
  z.object({
    ...head,
    type: z.literal('changes'),
    sequence,
    previous: sequence,
    here: z.array(presenceEntry),
    gone: z.array(z.string()).readonly(),
  }),
  /** A part of the list of all members of the sender, as they are after its changes of this number. */
  z.object({
    ...head,
    type: z.literal('list'),
    sequence,
    part: z.int().min(0),
    isLast: z.boolean(),
    here: z.array(presenceEntry),
  }),
  /** The sender is alive, and this is the number of its latest changes. */
  z.object({ ...head, type: z.literal('beat'), sequence }),
  /** Nobody is connected to the sender any more. */
  z.object({ ...head, type: z.literal('gone') }),
]);

/** What pods tell each other about a workspace. */
export type PresenceMessage = z.infer<typeof presenceMessage>;
export type ChangesMessage = Extract<PresenceMessage, { type: 'changes' }>;
export type ListMessage = Extract<PresenceMessage, { type: 'list' }>;

/** A message to be sent; members are JSON texts, as they are kept. */
export type OutgoingMessage =
  | Unversioned<Exclude<PresenceMessage, ChangesMessage | ListMessage>>
  | WithTexts<ChangesMessage>
  | WithTexts<ListMessage>;
type Unversioned<T> = T extends unknown ? Omit<T, 'v'> : never;
type WithTexts<T> = Omit<T, 'v' | 'here'> & { readonly here: readonly string[] };

export function encodeMessage(message: OutgoingMessage): Uint8Array {
  if (!('here' in message)) return Buffer.from(JSON.stringify({ v: VERSION, ...message }));
  const { here, ...rest } = message;
  return Buffer.from(`${JSON.stringify({ v: VERSION, ...rest }).slice(0, -1)},"here":[${here.join(',')}]}`);
}

/** Undefined where the bytes are no message of this version: another may be running beside it. */
export function decodeMessage(bytes: Uint8Array): PresenceMessage | undefined {
  try {
    return presenceMessage.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch {
    return undefined; // no JSON
  }
}

/** Splits texts into runs of at most `maxBytes` in an array of JSON, at least one. A text that is larger alone is left out. */
export function runsOf(texts: readonly string[], maxBytes: number): string[][] {
  let run: string[] = [];
  const runs = [run];
  let runBytes = 0;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text) + 1; // and a comma
    if (bytes > maxBytes) continue;
    if (runBytes + bytes > maxBytes) {
      run = [];
      runs.push(run);
      runBytes = 0;
    }
    run.push(text);
    runBytes += bytes;
  }
  return runs;
}
