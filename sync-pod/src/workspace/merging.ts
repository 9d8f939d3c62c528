import type { WorkspaceId } from '@etherply/protocol';
import type { LogEntry, Write } from '../storage/shard.ts';
import { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { Author } from '../strategy/strategy.ts';
import { Absorption } from './absorption.ts';
import type { Intake } from './intake.ts';
import type { Replica } from './replica/replica.ts';
import { encodeEnvelope } from './state/envelope.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import type { Broadcaster } from './turn/broadcaster.ts';
import type { WorkspaceQuota } from './turn/quota.ts';
import type { Step } from './turn/step.ts';
import type { Outcome } from './turn/submission.ts';

/** Changes that a client brings. */
export interface Contribution {
  readonly changes: readonly Uint8Array[];
  readonly author: Author;
  /** Called once: when they are as durable as an ack says, or are refused. */
  readonly settle: (outcome: Outcome) => void;
}

/** The workspace that changes are taken into; nothing else happens to it meanwhile. */
interface Target {
  readonly id: WorkspaceId;
  readonly state: WorkspaceState;
  readonly replica: Replica | undefined;
  readonly intake: Intake | undefined;
  readonly quota: WorkspaceQuota;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly commit: (step: Pick<Step, 'writes' | 'committed'>) => Promise<void>;
  /** These are durable here; calls `deliver` when they are as durable as an ack says. */
  readonly committed: (records: readonly LogEntry[], deliver: () => void) => void;
  readonly broadcaster: Broadcaster;
  /** Tells everyone. @param users who sent them */
  readonly announce: (absorption: Absorption, users: readonly string[]) => void;
}

/** Takes changes of a client's own document into a workspace. */
export class Merging {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /** The strategy has the whole document, where it is of the kind that can. @throws StreamUnavailableError, NotCommittedError */
  async complete(): Promise<void> {
    await this.#target.intake?.takeAll();
    const { id, state } = this.#target;
    if (state.strategy instanceof AutomergeStrategy && !state.strategy.isComplete) await state.complete(id);
  }

  /** Changes that are in already have no effect. @throws where those that are not settled may not be durable */
  async merge(contributions: readonly Contribution[]): Promise<void> {
    await this.complete();
    const { id, state, replica, broadcaster, commit, committed, announce } = this.#target;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      for (const { settle } of contributions) settle(refusal);
      return;
    }
    const absorption = new Absorption(id, state, broadcaster);
    const users: string[] = [];
    for (const { changes, author } of contributions) {
      const before = absorption.records.length;
      await this.#take(absorption, changes, author);
      absorption.settle();
      if (absorption.records.length > before) users.push(author.userId);
    }
    const { records } = absorption;
    const heads = state.strategy.heads();
    const settleAll = () => {
      for (const { settle } of contributions) settle({ ok: true, heads });
    };
    if (records.length === 0) {
      settleAll();
      return;
    }
    const writes: Write[] = records.map((record) => ({ kind: 'record', ...record }));
    writes.push(...(replica?.writes(state.position, true) ?? []));
    const deliver = () => {
      announce(absorption, users);
      settleAll();
    };
    await commit({ writes, committed: () => committed(records, deliver) });
  }

  async #take(absorption: Absorption, changes: readonly Uint8Array[], author: Author): Promise<void> {
    const { state, now } = this.#target;
    const { epoch, strategy } = state;
    const ops = [{ user: author.userId, id: null, fingerprint: 0, timestamp: null }];
    for (const data of changes) {
      const envelope = { kind: strategy.name, epoch, time: now(), data, ops };
      await absorption.take(envelope, encodeEnvelope(envelope));
    }
  }

  /** What changes add cannot be known before: a workspace that is beyond its quota takes no more. */
  #refusal(): Outcome | undefined {
    const { state, quota } = this.#target;
    const { size } = state.strategy;
    if (state.settings.read_only === true) {
      return { ok: false, code: 'permission_denied', message: 'the workspace is read-only' };
    }
    if (size.keys <= quota.maxKeys && size.bytes <= quota.maxBytes) return undefined;
    const message = `a workspace may have ${quota.maxKeys} keys and ${quota.maxBytes} bytes`;
    return { ok: false, code: 'quota_exceeded', message };
  }
}
