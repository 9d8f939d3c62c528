import { z } from 'zod';
import { PROTOCOL_NAMES } from '../protocols/index.ts';

// What a measurement and the processes of its load generator tell each other.

const count = z.int().min(0);

/** Clients, and what they write; passed as JSON in the first argument of a process. */
export const loadPlan = z.object({
  protocol: z.enum(PROTOCOL_NAMES),
  /** Workspaces are spread evenly over the servers that listen there. */
  ports: z.array(count).min(1),
  /** Where the clients of a workspace are: on one server, or each on the next one. */
  placement: z.enum(['together', 'apart']),
  /** Of every connection. */
  query: z.string(),
  workspaces: count,
  clientsEach: count,
  /** So many clients of each workspace write, and the rest only receives. */
  writersEach: count,
  /** What is written: keys of documents, or the presence of each writer, for which there is no ack. */
  subject: z.enum(['keys', 'presence']),
  /** So many clients of each workspace look at what they receive; the others only receive it. */
  observersEach: count,
  /** Closed loop: so many writes without an ack at a client. Open loop: so many writes a second in all, whatever comes back. */
  load: z.union([z.object({ window: count }), z.object({ writesPerSecond: z.number() })]),
  /** Times count from this one, Unix milliseconds: they are small numbers, and the same in every process. */
  epoch: z.number(),
  /** This process is this one, of so many: workspaces are shared out, or clients where there are fewer workspaces. */
  share: z.object({ index: count, of: count }),
});
export type LoadPlan = z.infer<typeof loadPlan>;

export const command = z.discriminatedUnion('do', [
  /** Connects all clients, so many at a time, and answers when they are ready. */
  z.object({ do: z.literal('connect'), atOnce: count }),
  /** Closes the connections of all clients, which can connect again: with what they have, where their protocol can. */
  z.object({ do: z.literal('disconnect'), keep: z.boolean() }),
  /** Fills the document of each workspace, before clients connect. */
  z.object({ do: z.literal('fill'), keys: count, valueBytes: count }),
  z.object({ do: z.literal('begin') }),
  /** From now on what is due is measured. */
  z.object({ do: z.literal('measure') }),
  /** What is due from now on is not measured any more; the load goes on. */
  z.object({ do: z.literal('measured') }),
  /** Writes no more. */
  z.object({ do: z.literal('cease') }),
  z.object({ do: z.literal('count') }),
  z.object({ do: z.literal('report') }),
]);
export type Command = z.infer<typeof command>;

/** What a process has counted until now, and its CPU seconds. */
export const counts = z.object({
  /** Milliseconds from the epoch. */
  at: z.number(),
  sent: count,
  acked: count,
  delivered: count,
  /** Writes that came to a client after later ones of their writer. */
  disordered: count,
  /** Connections that the server has closed. */
  closed: count,
  cpuSeconds: z.number(),
});
export type Counts = z.infer<typeof counts>;

/** How long each client took from connecting until it was ready, and what all were sent until then. */
export const connected = z.object({ milliseconds: z.array(z.number()), bytes: count });

/** Histograms of microseconds, encoded, of what was due while it was measured. */
export const latencies = z.object({ ack: z.string(), delivery: z.string() });
