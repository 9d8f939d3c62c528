import type { WorkspaceId, WorkspaceSettings } from '@etherply/protocol';
import type { Rollup } from '../replication/stream.ts';
import { SettingsError } from '../strategy/strategy.ts';
import { DELETION_KIND, type Envelope, encodeEnvelope, encodeSettings, SETTINGS_KIND } from './state/envelope.ts';
import { deletion, settingsRecord, type Transition } from './state/transition.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import type { Outcome } from './turn/submission.ts';

/** What an admin wants of a workspace. */
interface Control {
  readonly transition: Transition;
  /** What other pods are told of it. */
  readonly message: Uint8Array;
  readonly rollup: Rollup | undefined;
}

/** What is in the workspace when its turn comes decides. */
export type PlanControl = (state: WorkspaceState) => Control | Outcome;

export function planSettings(
  workspace: WorkspaceId,
  state: WorkspaceState,
  settings: WorkspaceSettings,
  now: number,
): Control | Outcome {
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
  // The clock of who set the last ones may be ahead.
  const time = Math.max(now, state.settingsTime + 1);
  const data = encodeSettings(settings);
  const envelope: Envelope = { kind: SETTINGS_KIND, epoch: state.epoch, time, data, ops: [] };
  const message = encodeEnvelope(envelope);
  return { transition: settingsRecord(workspace, state, envelope, message), message, rollup: undefined };
}

export function planDeletion(workspace: WorkspaceId, state: WorkspaceState, now: number): Control {
  const epoch = state.epoch + 1;
  const message = encodeEnvelope({ kind: DELETION_KIND, epoch, time: now, data: new Uint8Array(0), ops: [] });
  return { transition: deletion(workspace, state, epoch), message, rollup: 'reset' };
}
