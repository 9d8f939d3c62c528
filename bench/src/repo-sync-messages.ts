import { z } from 'zod';

// What a measurement and its processes of automerge-repo clients tell each other. Times are Unix microseconds.

const url = z.string();
const count = z.int().min(0);

export const clientPlan = z.discriminatedUnion('task', [
  /** Makes documents, and sees that others find them. */
  z.object({ task: z.literal('seed'), server: url, documents: count, keys: count, valueBytes: count }),
  /** Each client has one document, and sets a key of its own again and again: open loop. */
  z.object({
    task: z.literal('edit'),
    server: url,
    documents: z.array(url),
    clientsEach: count,
    changesPerSecond: z.number(),
  }),
  /** Clients that are connected, in a process that has had as many such documents, ask for one, all at once. */
  z.object({ task: z.literal('join'), server: url, document: url, clients: count, keys: count, valueBytes: count }),
]);
export type ClientPlan = z.infer<typeof clientPlan>;

/** Starts what the plan says; what is changed from `from` until `to` is measured. */
export const begin = z.object({ from: z.number(), to: z.number() });
export type Begin = z.infer<typeof begin>;

export const ready = z.object({ type: z.literal('ready') });

export const seeded = z.object({ type: z.literal('seeded'), documents: z.array(url) });

export const edited = z.object({
  type: z.literal('edited'),
  sent: count,
  /** Changes seen at other clients. */
  seen: count,
  /** Messages that clients and server sent each other while it was measured. */
  messages: count,
  /** How often clients have lost their connection. */
  losses: count,
  /** From the change to its event at another client; histograms of microseconds, encoded. */
  latency: z.string(),
  /** From the change until the client itself sent it. */
  held: z.string(),
  /** How late changes were made: clients that have no time for them measure themselves. */
  late: z.string(),
  /** What this process took while it was measured, in seconds. */
  cpuSeconds: z.number(),
  /** Of each client's document in the end. */
  heads: z.array(z.string()),
});
export type Edited = z.infer<typeof edited>;

export const joined = z.object({
  type: z.literal('joined'),
  /** From asking for the document to having it, in milliseconds. */
  times: z.array(z.number()),
  cpuSeconds: z.number(),
});
export type Joined = z.infer<typeof joined>;

export type Report = z.infer<typeof ready> | z.infer<typeof seeded> | Edited | Joined;
