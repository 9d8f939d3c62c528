import type { Author } from '../strategy/strategy.ts';
import { Absorption } from './absorption.ts';
import type { Core } from './core.ts';
import { encodeEnvelope } from './state/envelope.ts';
import type { StepMaker } from './step-maker.ts';
import { type Outcome, UNAVAILABLE } from './turn/submission.ts';

/** Transitions that a client brings. */
interface Contribution {
  readonly changes: readonly Uint8Array[];
  readonly author: Author;
  /** Called once: when they are as durable as an ack says, or are refused. */
  readonly settle: (outcome: Outcome) => void;
}

/** So many that bring changes have them taken in at once. */
const MERGED_AT_ONCE = 64;

/** Takes changes of clients' own documents into a workspace. */
export class Merging {
  readonly #core: Core;
  readonly #stepMaker: StepMaker;
  readonly #waiting: Contribution[] = [];

  constructor(core: Core, steps: StepMaker) {
    this.#core = core;
    this.#stepMaker = steps;
  }

  /** As `Workspace.merge`, where the workspace can take something. */
  submit(contribution: Contribution): void {
    this.#waiting.push(contribution);
    if (this.#waiting.length === 1) this.#mergeNext();
  }

  /** All that wait by then are one step. */
  #mergeNext(): void {
    let taken: readonly Contribution[] = [];
    this.#core.turns.enqueue({
      work: async () => {
        taken = this.#waiting.splice(0, MERGED_AT_ONCE);
        if (this.#waiting.length > 0) this.#mergeNext();
        await this.#merge(taken);
      },
      refuse: () => {
        const refused = taken.length > 0 ? taken : this.#waiting.splice(0);
        for (const { settle } of refused) settle(UNAVAILABLE);
      },
    });
  }

  /** Transitions that are in already have no effect. @throws where those that are not settled may not be durable */
  async #merge(contributions: readonly Contribution[]): Promise<void> {
    await this.#core.complete();
    const { id, state, edge, turns } = this.#core;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      for (const { settle } of contributions) settle(refusal);
      return;
    }
    const absorption = new Absorption(id, state, edge.broadcaster);
    const users: string[] = [];
    for (const { changes, author } of contributions) {
      const before = absorption.records.length;
      await this.#take(absorption, changes, author);
      absorption.settle();
      if (absorption.records.length > before) users.push(author.userId);
    }
    const heads = state.strategy.heads();
    const settleAll = () => {
      for (const { settle } of contributions) settle({ ok: true, heads });
    };
    if (absorption.records.length === 0) settleAll();
    else await turns.commit(this.#stepMaker.ofMerged(absorption, users, settleAll));
  }

  async #take(absorption: Absorption, changes: readonly Uint8Array[], author: Author): Promise<void> {
    const { state, edge } = this.#core;
    const { epoch, strategy } = state;
    const ops = [{ user: author.userId, id: null, fingerprint: 0, timestamp: null }];
    for (const data of changes) {
      const envelope = { kind: strategy.name, epoch, time: edge.now(), data, ops };
      await absorption.take(envelope, encodeEnvelope(envelope));
    }
  }

  /** What changes add cannot be known before: a workspace that is beyond its quota takes no more. */
  #refusal(): Outcome | undefined {
    const { state, edge } = this.#core;
    const { size } = state.strategy;
    const { maxKeys, maxBytes } = edge.limits;
    if (state.settings.read_only === true) {
      return { ok: false, code: 'permission_denied', message: 'the workspace is read-only' };
    }
    if (size.keys <= maxKeys && size.bytes <= maxBytes) return undefined;
    return { ok: false, code: 'quota_exceeded', message: `a workspace may have ${maxKeys} keys and ${maxBytes} bytes` };
  }
}
