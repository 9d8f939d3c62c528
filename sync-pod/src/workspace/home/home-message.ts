import { errorCode, json, rejectCode, workspaceId, workspaceSettings } from '@etherply/protocol';
import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { Op } from '../../strategy/strategy.ts';
import type { Outcome } from '../turn/submission.ts';
import type { Forwarded } from './home.ts';

// What pods of two regions say to each other of a workspace, in CBOR.

const VERSION = 1;
const cbor = new Encoder({ useRecords: false });
const op = z.object({ key: z.string(), json: z.string().nullable(), timestamp: z.number().nullable() });
const message = z.object({
  userId: z.string(),
  scopes: z.array(z.string()),
  claims: z.record(z.string(), z.unknown()),
  id: z.string().nullable(),
  ops: z.array(op),
  expectedHeads: z.array(z.string()).nullable(),
});
const request = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('submit'),
    version: z.literal(VERSION),
    workspace: workspaceId,
    messages: z.array(message),
  }),
  z.object({
    kind: z.literal('configure'),
    version: z.literal(VERSION),
    workspace: workspaceId,
    settings: workspaceSettings,
  }),
  z.object({ kind: z.literal('delete'), version: z.literal(VERSION), workspace: workspaceId }),
]);
const rejection = z.object({
  key: z.string(),
  code: rejectCode,
  message: z.string(),
  held: z.object({ key: z.string(), json: z.string().optional(), timestamp: z.number() }).nullable(),
  heads: z.array(z.string()),
});
const outcome = z.union([
  z.object({ ok: z.literal(true), heads: z.array(z.string()) }),
  z.object({ ok: z.literal(false), code: errorCode, message: z.string(), rejection: rejection.nullable() }),
]);

/** What a pod asks the home region to do. */
export type HomeRequest =
  | {
      readonly kind: 'submit';
      readonly workspace: z.infer<typeof workspaceId>;
      readonly messages: readonly Forwarded[];
    }
  | {
      readonly kind: 'configure';
      readonly workspace: z.infer<typeof workspaceId>;
      readonly settings: z.infer<typeof workspaceSettings>;
    }
  | { readonly kind: 'delete'; readonly workspace: z.infer<typeof workspaceId> };

export function encodeHomeRequest(asked: HomeRequest): Uint8Array {
  if (asked.kind !== 'submit') return cbor.encode({ version: VERSION, ...asked });
  const messages = asked.messages.map(({ author, id, ops, expectedHeads }) => ({
    ...author,
    scopes: [...author.scopes],
    id: id ?? null,
    ops: ops.map(({ key, json: text, timestamp }) => ({ key, json: text ?? null, timestamp: timestamp ?? null })),
    expectedHeads: expectedHeads ?? null,
  }));
  return cbor.encode({ version: VERSION, ...asked, messages });
}

/** @throws where the bytes are no request of a known version */
export function decodeHomeRequest(bytes: Uint8Array): HomeRequest {
  const asked = request.parse(cbor.decode(bytes));
  if (asked.kind !== 'submit') return asked;
  const messages = asked.messages.map(({ userId, scopes, claims, id, ops, expectedHeads }) => ({
    author: { userId, scopes: new Set(scopes), claims },
    id: id ?? undefined,
    ops: ops.map(opOf),
    expectedHeads: expectedHeads ?? undefined,
  }));
  return { ...asked, messages };
}

function opOf({ key, json: text, timestamp }: z.infer<typeof op>): Op {
  const value = text === null ? undefined : json.parse(JSON.parse(text));
  return { key, json: text ?? undefined, value, timestamp: timestamp ?? undefined };
}

export function encodeOutcomes(outcomes: readonly Outcome[]): Uint8Array {
  return cbor.encode(
    outcomes.map((one) => {
      if (one.ok) return one;
      const { rejection: why } = one;
      return { ...one, rejection: why === undefined ? null : { ...why, held: why.held ?? null } };
    }),
  );
}

/** @throws where the bytes are no outcomes */
export function decodeOutcomes(bytes: Uint8Array): Outcome[] {
  return z
    .array(outcome)
    .parse(cbor.decode(bytes))
    .map((one) => {
      if (one.ok) return one;
      const { rejection: why, ...refused } = one;
      if (why === null) return refused;
      const held = why.held === null ? undefined : { ...why.held, json: why.held.json };
      return { ...refused, rejection: { ...why, held } };
    });
}
