import type { WorkspaceId } from '@etherply/protocol';
import type { Write } from '../../storage/shard.ts';
import { decodeSettings, type Envelope } from './envelope.ts';
import { encodeManifest, NO_PIECES } from './manifest.ts';
import { type StoredState, writesOf } from './stored-state.ts';
import type { WorkspaceState } from './workspace-state.ts';

/** Something other than ops that happens to a workspace, as a step of its own. */
export interface Transition {
  readonly writes: readonly Write[];
  /** The position of its last record. */
  readonly position: number;
  /** Called when the writes are durable; gives the state from then on. */
  readonly apply: () => WorkspaceState;
}

/** All data goes; a manifest of the next epoch stays, with nothing in it. */
export function deletion(workspace: WorkspaceId, state: WorkspaceState, epoch: number): Transition {
  state.isEnding = true;
  const next = state.successor(epoch);
  const bytes = encodeManifest({
    kind: next.strategy.name,
    epoch,
    position: next.position,
    settings: null,
    settingsTime: 0,
    opIds: NO_PIECES,
    state: NO_PIECES,
    historyBase: [],
    packed: NO_PIECES,
    unpacked: NO_PIECES,
  });
  const writes: Write[] = [
    { kind: 'clearing', workspace },
    { kind: 'manifest', workspace, position: next.position, archiveFrom: 0, bytes },
  ];
  return { writes, position: next.position, apply: () => next };
}

/**
 * Settings are a record of the log, so that they have their place among the ops. Where others were set after them, in another
 * region, or the workspace is no longer empty and has another strategy, they have no effect.
 */
export function settingsRecord(
  workspace: WorkspaceId,
  state: WorkspaceState,
  { data, time }: Envelope,
  bytes: Uint8Array,
): Transition {
  const settings = decodeSettings(data);
  const position = state.position + 1;
  const write = { kind: 'record', workspace, position, envelope: bytes } as const;
  const apply = () => {
    state.advanced(write);
    const changesStrategy = settings.strategy !== state.strategy.name;
    if (time < state.settingsTime || (changesStrategy && !state.isEmpty)) return state;
    if (changesStrategy) state.strategy = state.createStrategy(settings.strategy);
    state.strategy.configure(settings);
    state.settings = settings;
    state.settingsTime = time;
    return state;
  };
  return { writes: [write], position, apply };
}

/**
 * Everything that is stored elsewhere, in place of what is here.
 * @param next what it amounts to
 */
export function imported(
  workspace: WorkspaceId,
  state: WorkspaceState,
  stored: StoredState,
  next: WorkspaceState,
): Transition {
  state.isEnding = true;
  const writes: Write[] = [{ kind: 'clearing', workspace }, ...writesOf(workspace, stored)];
  return { writes, position: next.position, apply: () => next };
}
