import { randomUUID } from 'node:crypto';
import {
  type Durability,
  historyAnswer,
  postOpsAnswer,
  postOpsBody,
  presenceAnswer,
  problemOf,
  statsAnswer,
  usageAnswer,
  type WorkspaceId,
  workspaceAnswer,
  workspaceSettings,
} from '@etherply/protocol';
import { z } from 'zod';
import type { Presence } from '../presence/presence.ts';
import { toOp } from '../session/to-op.ts';
import { sameHeads } from '../strategy/heads.ts';
import type { Usage } from '../usage/usage.ts';
import { ackText } from '../workspace/turn/frames.ts';
import type { Outcome } from '../workspace/turn/submission.ts';
import { objectText } from '../workspace/whole.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import type { Gate } from './gate.ts';
import { HttpError } from './request.ts';
import { historyEntryText, type Route, type WorkspaceRequest } from './route.ts';

interface Options {
  readonly gate: Gate;
  readonly workspaces: Workspaces;
  readonly presence: Presence;
  readonly usage: Usage;
  readonly stats: () => Promise<z.infer<typeof statsAnswer>>;
  readonly isDraining: () => boolean;
  /** A message with so many ops and bytes came in. */
  readonly submitted: (workspace: WorkspaceId, ops: number, bytes: number) => void;
  readonly acked: (ops: number, durability: Durability) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const HISTORY_LIMIT = { least: 1, most: 1000, preset: 50 };
const DAY_MS = 86_400_000;
const MOST_USAGE_DAYS = 366;
const deletedAnswer = z.object({ workspace_id: z.string() });

/** Every REST route under the rules for tokens. */
export function restRoutes(options: Options): readonly Route[] {
  const { workspaces, presence } = options;
  return [
    {
      of: 'workspace',
      method: 'get',
      path: '/v1/workspaces/{id}',
      scope: 'read',
      summary: 'The whole state',
      query: { heads: 'Heads separated by commas: the state as it was then.' },
      answer: workspaceAnswer,
      handle: (request) => readState(request, options),
    },
    {
      of: 'workspace',
      method: 'post',
      path: '/v1/workspaces/{id}/ops',
      scope: 'write',
      summary: 'Writes one op, or several that take effect together',
      takesIfMatch: true,
      body: postOpsBody,
      answer: postOpsAnswer,
      handle: (request) => writeOps(request, options),
    },
    {
      of: 'workspace',
      method: 'get',
      path: '/v1/workspaces/{id}/settings',
      scope: 'admin',
      summary: 'The settings',
      answer: workspaceSettings,
      handle: ({ workspace }) => workspaces.use(workspace, ({ state }) => JSON.stringify(state.settings)),
    },
    {
      of: 'workspace',
      method: 'put',
      path: '/v1/workspaces/{id}/settings',
      scope: 'admin',
      summary: 'Sets all settings; the strategy only while the workspace is empty',
      body: workspaceSettings,
      answer: workspaceSettings,
      handle: async ({ workspace, body }) => {
        const settings = parseBody(workspaceSettings, await body);
        refuseWhileDraining(options);
        succeed(await workspaces.configure(workspace, settings));
        return JSON.stringify(settings);
      },
    },
    {
      of: 'workspace',
      method: 'delete',
      path: '/v1/workspaces/{id}',
      scope: 'admin',
      summary: 'Deletes all data of the workspace; its connections close with 4410',
      answer: deletedAnswer,
      handle: async ({ workspace }) => {
        refuseWhileDraining(options);
        succeed(await workspaces.delete(workspace));
        return JSON.stringify({ workspace_id: workspace });
      },
    },
    {
      of: 'workspace',
      method: 'get',
      path: '/v1/presence/{id}',
      scope: 'read',
      summary: 'Who is connected',
      answer: presenceAnswer,
      handle: ({ workspace }) => presence.askedText(workspace),
    },
    {
      of: 'workspace',
      method: 'get',
      path: '/v1/history/{id}',
      scope: 'read',
      summary: 'The commits, newest first',
      query: {
        limit: `How many, ${HISTORY_LIMIT.least} to ${HISTORY_LIMIT.most}; ${HISTORY_LIMIT.preset} if absent.`,
        before: 'The hash of a commit: only those before it.',
      },
      answer: historyAnswer,
      handle: (request) => readHistory(request, options),
    },
    {
      of: 'workspace',
      method: 'get',
      path: '/v1/usage/{id}',
      scope: 'admin',
      summary: 'What clients sent to the workspace',
      query: {
        start: 'RFC 3339, or Unix seconds; the hour that it is in counts. A day before `end` if absent.',
        end: 'RFC 3339, or Unix seconds; now if absent.',
      },
      answer: usageAnswer,
      handle: (request) => readUsage(request, options),
    },
    {
      of: 'pod',
      method: 'get',
      path: '/v1/stats',
      scope: 'admin',
      summary: 'Counters of this pod since its start; for tokens that are good for every workspace',
      answer: statsAnswer,
      handle: async () => JSON.stringify(await options.stats()),
    },
  ];
}

async function readState({ workspace, facts, isWanted }: WorkspaceRequest, { workspaces }: Options): Promise<Buffer> {
  const heads = listOf(facts.query.get('heads') ?? '');
  const whole = await workspaces.use(workspace, ({ wholes, strategy }) => {
    return heads.length === 0 || sameHeads(heads, strategy.heads()) ? wholes.current() : undefined;
  });
  if (whole !== undefined) return stateText(whole.data, whole.heads);
  const registers = await workspaces.histories.stateAt(workspace, heads, isWanted);
  if (registers === null) throw new HttpError('not_found', 'heads: there is no such state, or it is not kept any more');
  return stateText(await objectText(registers.map(([key, json]) => ({ key, json }))), heads);
}

function stateText(data: Buffer, heads: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from('{"data":'), data, Buffer.from(`,"heads":${JSON.stringify(heads)}}`)]);
}

async function writeOps({ workspace: id, access, facts, body }: WorkspaceRequest, options: Options): Promise<string> {
  const text = await body;
  const parsed = parseBody(postOpsBody, text);
  const sent = Array.isArray(parsed) ? parsed : [parsed];
  const ops = sent.map(toOp);
  const userId = options.gate.userOf(facts, access, randomUUID());
  const ids = sent.flatMap((one) => one.id ?? []);
  const expectedHeads = facts.ifMatch === '' ? undefined : listOf(facts.ifMatch.replaceAll('"', ''));
  refuseWhileDraining(options);
  options.submitted(id, ops.length, Buffer.byteLength(text));
  return options.workspaces.use(id, async (workspace: Workspace) => {
    // Not before: from then on nothing may come.
    refuseWhileDraining(options);
    if (!workspace.rate.take(ops.length, options.now())) {
      throw new HttpError('too_fast', 'more comes over this workspace than it may take');
    }
    const outcome = await new Promise<Outcome>((settle) => {
      // An array takes effect as a whole, so that its ids together are the id of the whole.
      const whole = ids.length > 1 ? JSON.stringify(ids) : ids[0];
      const author = { userId, scopes: access.scopes, claims: access.claims };
      workspace.submit({ author, id: whole, ops, origin: undefined, expectedHeads, settle });
    });
    const heads = succeed(outcome);
    options.acked(ops.length, workspace.durability);
    return `{${ackText(ids, ops.length, heads, workspace.durability)}}`;
  });
}

async function readHistory({ workspace, facts, isWanted }: WorkspaceRequest, { workspaces }: Options): Promise<string> {
  const { least, most, preset } = HISTORY_LIMIT;
  const limit = Number(facts.query.get('limit') ?? preset);
  if (!Number.isInteger(limit) || limit < least || limit > most) {
    throw new HttpError('bad_request', `limit: a whole number from ${least} to ${most}`);
  }
  const records = await workspaces.histories.page(
    workspace,
    { limit, before: facts.query.get('before') ?? undefined },
    isWanted,
  );
  if (records === null) throw new HttpError('not_found', 'before: there is no such commit, or it is not kept any more');
  return `[${records.map(historyEntryText).join(',')}]`;
}

async function readUsage({ workspace, facts }: WorkspaceRequest, { usage, now }: Options): Promise<string> {
  const end = timeOf('end', facts.query) ?? now();
  const start = timeOf('start', facts.query) ?? Math.max(0, end - DAY_MS);
  if (start >= end || end - start > MOST_USAGE_DAYS * DAY_MS) {
    throw new HttpError('bad_request', `start: before end, and at most ${MOST_USAGE_DAYS} days before it`);
  }
  const hours = await usage.read(workspace, start, end);
  const sum = { messages: 0, ops: 0, bytes: 0 };
  for (const { messages, ops, bytes } of hours) {
    sum.messages += messages;
    sum.ops += ops;
    sum.bytes += bytes;
  }
  return JSON.stringify({
    workspace_id: workspace,
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    ...sum,
    hours: hours.map(({ startMs, ...used }) => ({ start: new Date(startMs).toISOString(), ...used })),
  });
}

function timeOf(name: string, query: URLSearchParams): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const time = /^\d{1,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time) || time < 0) throw new HttpError('bad_request', `${name}: RFC 3339, or Unix seconds`);
  return time;
}

function refuseWhileDraining({ isDraining }: Options): void {
  if (isDraining()) throw new HttpError('unavailable', 'this pod is draining: send it again');
}

/** @returns the heads. @throws HttpError where it has failed */
function succeed(outcome: Outcome): readonly string[] {
  if (!outcome.ok) throw new HttpError(outcome.code, outcome.message);
  return outcome.heads;
}

function parseBody<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new HttpError('bad_request', 'the body is not JSON');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new HttpError('bad_request', problemOf(parsed.error));
}

function listOf(text: string): string[] {
  return text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
}
