import { CLOSE } from '@etherply/protocol';
import type { Strategy } from '../strategy/strategy.ts';
import type { PlanControl } from './control.ts';
import { type Core, PATIENCE_MS } from './core.ts';
import { NO_CHECKPOINT } from './replica/checkpoint.ts';
import { SYSTEM_USER } from './state/system-user.ts';
import type { Transition } from './state/transition.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import type { Stored } from './stored.ts';
import { announcementOf } from './turn/announcement.ts';
import { dismissForRestart } from './turn/broadcaster.ts';
import { type Outcome, UNAVAILABLE } from './turn/submission.ts';

/** Does to a workspace what no op does: settings, deletion, another state in place of the one that is here. */
export class Transitions {
  readonly #core: Core;
  readonly #replicate: (stored: Stored) => void;

  /** @param replicate it is one of several copies, anew: with this in place of what it had */
  constructor(core: Core, replicate: (stored: Stored) => void) {
    this.#core = core;
    this.#replicate = replicate;
  }

  /** Does what an admin wants, as it is decided here. */
  control(plan: PlanControl): Promise<Outcome> {
    return new Promise((settle) => {
      const { turns, replica } = this.#core;
      if (turns.isDown || replica?.isConnected === false) {
        settle(UNAVAILABLE);
        return;
      }
      turns.enqueue({ work: async () => settle(await this.#carryOut(plan)), refuse: () => settle(UNAVAILABLE) });
    });
  }

  /** Makes one durable and takes it on, within a job. @throws NotCommittedError */
  make(transition: Transition): Promise<void> {
    const { turns, replica } = this.#core;
    return turns.commit({
      writes: [...transition.writes, ...(replica?.writes(transition.position, false) ?? [])],
      committed: () => {
        const { strategy, epoch } = this.#core.state;
        this.became(transition.apply(), epoch, strategy);
      },
    });
  }

  /** Tells everyone what is different now. */
  became(state: WorkspaceState, epochBefore: number, before: Strategy): void {
    const { id, edge } = this.#core;
    const { strategy } = state;
    this.#core.become(state);
    if (strategy === before) return;
    this.#core.changed();
    if (state.epoch !== epochBefore || strategy.name !== before.name) {
      if (state.epoch !== epochBefore) {
        this.#core.replica?.outbox.clear();
        edge.deleted();
      }
      this.#core.deliver();
      this.#dismissAll(state.epoch !== epochBefore);
      return;
    }
    const changed = strategy.since(before.heads()) ?? [...strategy.view()];
    if (changed.length === 0) return;
    edge.broadcaster.announce(id, undefined, announcementOf(changed, SYSTEM_USER, strategy.heads()));
  }

  /** Forgets what is here, and takes what the stream has, in the order in which that has it. */
  async startOver(): Promise<void> {
    const { id, state: before, turns, replica } = this.#core;
    before.isEnding = true;
    const state = before.empty();
    const stored = { state, checkpoint: NO_CHECKPOINT, unpublished: [], isMarked: true };
    await turns.commit({
      writes: [{ kind: 'clearing', workspace: id }, ...(replica?.writes(0, false) ?? [])],
      committed: () => {
        this.#core.become(state);
        this.#core.replica?.close();
        this.#replicate(stored);
      },
    });
    await this.#core.replica?.inbox.catchUp();
    await this.#core.intake?.takeAll();
    this.#dismissAll(false);
  }

  async #carryOut(plan: PlanControl): Promise<Outcome> {
    for (;;) {
      await this.#core.intake?.takeAll();
      const control = plan(this.#core.state);
      if ('ok' in control) return control;
      const { transition, message, rollup } = control;
      const { replica } = this.#core;
      if (replica === undefined || (await replica.publishNext(message, rollup, PATIENCE_MS))) {
        await this.make(transition);
        return { ok: true, heads: this.#core.strategy.heads() };
      }
    }
  }

  /** Who is connected has the state of another strategy, or of what has been deleted. */
  #dismissAll(isDeleted: boolean): void {
    const { id, edge } = this.#core;
    if (isDeleted) edge.broadcaster.dismiss(id, CLOSE.deleted, 'the workspace has been deleted');
    else dismissForRestart(edge.broadcaster, id);
    // They were sent to what is no more.
    this.#core.refuseWaiting();
  }
}
