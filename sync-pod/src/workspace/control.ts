import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import type { Write } from '../storage/shard.ts';
import { SettingsError } from '../strategy/strategy.ts';
import { encodeEnvelope, encodeSettings, SETTINGS_KIND } from './envelope.ts';
import { encodeManifest, NO_PIECES } from './manifest.ts';
import type { Outcome } from './submission.ts';
import type { WorkspaceState } from './workspace-state.ts';

/** What an admin wants of a workspace, as a turn of its own. */
export interface Control {
  readonly write: Write;
  /** Called when the write is durable; gives the state from then on. */
  readonly apply: () => WorkspaceState;
  readonly settle: (outcome: Outcome) => void;
}

/** A control that has not had its turn: what is in the workspace then decides. */
export interface ControlRequest {
  readonly plan: (state: WorkspaceState) => PlannedControl | Outcome;
  readonly settle: (outcome: Outcome) => void;
}

type PlannedControl = Pick<Control, 'write' | 'apply'>;

/** Settings are a record of the log, so that they have their place among the ops. */
export function planSettings(
  workspace: WorkspaceId,
  state: WorkspaceState,
  settings: WorkspaceSettings,
  now: number,
): PlannedControl | Outcome {
  const changesStrategy = settings.strategy !== state.strategy.name;
  if (changesStrategy && !state.isEmpty) {
    const message = `strategy: the workspace has data in ${state.strategy.name} already; only an empty one can change it`;
    return { ok: false, code: 'bad_request', message };
  }
  const strategy = changesStrategy ? state.createStrategy(settings.strategy) : state.strategy;
  try {
    strategy.configure(settings);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { ok: false, code: 'bad_request', message: error.message };
  }
  const position = state.position + 1;
  const data = encodeSettings(settings);
  const envelope = encodeEnvelope({ kind: SETTINGS_KIND, epoch: state.epoch, time: now, data, ops: [] });
  const write = { kind: 'record', workspace, position, envelope } as const;
  return {
    write,
    apply: () => {
      state.strategy = strategy;
      state.settings = settings;
      state.advanced(write);
      return state;
    },
  };
}

/** All data goes; a manifest of the next epoch stays, with nothing in it. */
export function planDeletion(workspace: WorkspaceId, state: WorkspaceState): PlannedControl {
  state.isEnding = true;
  const next = state.successor();
  const bytes = encodeManifest({
    kind: next.strategy.name,
    epoch: next.epoch,
    position: next.position,
    settings: null,
    opIds: NO_PIECES,
    state: NO_PIECES,
    historyBase: [],
    packed: NO_PIECES,
    unpacked: NO_PIECES,
  });
  return { write: { kind: 'deletion', workspace, position: next.position, bytes }, apply: () => next };
}
