import { parseWorkspaceId } from '@etherply/protocol';
import type { TokenVerifier } from './auth/token-verifier.ts';
import { Session } from './session/session.ts';
import { CommitLoop } from './storage/commit-loop.ts';
import type { LogEntry, Write } from './storage/shard.ts';
import type { HistoryWork } from './strategy/history.ts';
import { Documents } from './workspace/documents.ts';
import { NO_CHECKPOINT } from './workspace/replica/checkpoint.ts';
import type { Source } from './workspace/state/source.ts';
import { type StateOptions, WorkspaceState } from './workspace/state/workspace-state.ts';
import { Workspace } from './workspace/workspace.ts';

const TURNS = 400;
const MOST_MS = 400;
const unlimited = Number.POSITIVE_INFINITY;

/**
 * Runs the way of an op many times on a workspace that is stored nowhere, and opens it from its records, so that the code is
 * compiled when the first clients come: without it their first ops take ten times as long.
 */
export async function warmUp(
  stateOptions: Omit<StateOptions, 'sourceOf' | 'pack'>,
  historyWork: HistoryWork,
  verifier: TokenVerifier,
): Promise<void> {
  const workspaceId = parseWorkspaceId('warm-up');
  if (workspaceId === undefined) throw new Error('the id is valid');
  const records: LogEntry[] = [];
  const source: Source = {
    manifest: async () => undefined,
    chunks: nothing,
    archive: nothing,
    async *records() {
      yield* records;
    },
  };
  const options: StateOptions = { ...stateOptions, sourceOf: () => source, pack: historyWork.pack.bind(historyWork) };
  const keep = async (writes: readonly Write[]) => {
    for (const write of writes) if (write.kind === 'record') records.push(write);
  };
  const loop = new CommitLoop(keep, { committed: () => {} });
  const workspace = new Workspace(
    workspaceId,
    { state: new WorkspaceState(options), checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: false },
    {
      broadcaster: {
        isHeard: () => true,
        announce(_, __, { singles, batch }) {
          singles();
          batch();
        },
        dismiss: () => {},
      },
      updated: undefined,
      deleted: () => undefined,
      documents: new Documents(Number.MAX_SAFE_INTEGER),
      failed: (error) => {
        throw error;
      },
      limits: {
        maxKeys: unlimited,
        maxBytes: unlimited,
        opsPerSecond: unlimited,
        opsBurst: unlimited,
      },
      schedule: (one) => loop.schedule(one),
      compact: () => {},
      rollUp: () => {},
      historyWork,
      replication: undefined,
      home: undefined,
      compactFromBytes: Number.POSITIVE_INFINITY,
      now: Date.now,
    },
  );
  const session = new Session({
    sessionId: 'warm-up',
    userId: 'warm-up',
    access: {
      userId: 'warm-up',
      scopes: new Set(['read', 'write']),
      workspaces: undefined,
      claims: {},
      expiresAt: undefined,
    },
    workspaceId,
    batched: false,
    presence: undefined,
    limits: { opsPerSecond: unlimited, opsBurst: unlimited, maxPresenceBytes: 0 },
    verifier,
    observer: { ops: () => {}, acked: () => {}, rejected: () => {} },
    now: Date.now,
  });
  const socket = {
    send: () => {},
    pendingBytes: () => 0,
    subscribe: () => {},
    subscribePresence: () => {},
    close: () => {},
  };
  await session.opened(socket, workspace, []);
  const end = performance.now() + MOST_MS;
  for (let turn = 0; turn < TURNS && performance.now() < end; turn += 1) {
    for (let n = 0; n <= turn % 4; n += 1) {
      const payload = { key: `key-${n}`, value: [turn, { text: 'text' }, 0.5, null][turn % 4] };
      const frame = JSON.stringify({ type: 'op', id: `${turn}-${n}`, payload });
      session.received(frame, frame.length);
    }
    await loop.idle();
  }
  await new WorkspaceState(options).read(workspaceId, source);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
