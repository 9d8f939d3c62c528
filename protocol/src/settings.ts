import { z } from 'zod';
import { json } from './values.ts';

/** How a workspace turns ops into state. */
export const strategyName = z.enum(['automerge', 'lww', 'server-auth']);
export type StrategyName = z.infer<typeof strategyName>;

/** Somebody who may write: a token with this scope, or with this claim. A claim that is an array holds each of its items. */
const writer = z.union([
  z.strictObject({ scope: z.string().min(1) }),
  z.strictObject({ claim: z.string().min(1), equals: z.union([z.string(), z.number(), z.boolean()]) }),
  /** The claim is what the `*` of the rule's key stands for: `player:*` with the claim `sub` lets each user write its own key. */
  z.strictObject({ claim: z.string().min(1), equals_wildcard: z.literal(true) }),
]);
export type Writer = z.infer<typeof writer>;

/** What writes to the keys that it covers must keep to. Each rule that covers a key applies. */
export const keyRule = z.strictObject({
  /** A key, or `prefix*` for all that start so. */
  key: z.string().min(1),
  /** Who may write; absent: everyone with the scope `write`. */
  writers: z.array(writer).optional(),
  /** The most by which one write may change the number that the key holds. Such a key holds numbers only and stays. */
  max_step: z.number().nonnegative().optional(),
  /** Writes a second to each key, on average over a few seconds. */
  max_writes_per_second: z.number().positive().optional(),
});
export type KeyRule = z.infer<typeof keyRule>;

/** What an admin sets for one workspace. */
export const workspaceSettings = z.strictObject({
  /** Can only be changed while the workspace is empty. */
  strategy: strategyName,
  /** A JSON Schema (2020-12) that the whole document keeps to. Only for `server-auth`. */
  schema: z.union([z.record(z.string(), json), z.boolean()]).optional(),
  /** Only for `server-auth`. */
  rules: z.array(keyRule).max(1000).optional(),
  /** Ops are refused; reading goes on. */
  read_only: z.boolean().optional(),
  /** `drop`: history goes when the workspace is compacted; not for `automerge`, whose history is the document. */
  retention: z.strictObject({ history: z.enum(['keep', 'drop']) }).optional(),
});
export type WorkspaceSettings = z.infer<typeof workspaceSettings>;
