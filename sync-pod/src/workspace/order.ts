import type { Core } from './core.ts';
import type { Home } from './home/home.ts';
import type { StepMaker } from './step-maker.ts';
import { type Outcome, type Submission, UNAVAILABLE } from './turn/submission.ts';
import type { Turn } from './turn/turn.ts';

/** For how long what another region did may take to come here before it is acked without. */
const ARRIVAL_MS = 2000;
/** So many messages go to another region at once. */
const MAX_FORWARDED = 500;

/** Where every pod must see the same order, it is given elsewhere: by the stream, or by another region. */
export class Order {
  readonly #core: Core;
  readonly #stepMaker: StepMaker;
  /** Called when something has come in. */
  #arrived: (() => void) | undefined;

  constructor(core: Core, steps: StepMaker) {
    this.#core = core;
    this.#stepMaker = steps;
  }

  /** Something has come in from the stream. */
  arrived(): void {
    this.#arrived?.();
  }

  /** What is waiting is durable in the stream before it is here. */
  async linearise(): Promise<void> {
    const submissions: Submission[] = [];
    let turn: Turn | undefined;
    try {
      for (let isIn = false; !isIn; ) {
        await this.#core.intake?.takeAll();
        submissions.push(...this.#core.waiting.splice(0));
        turn = await this.#stepMaker.plan(submissions);
        const { write } = turn;
        isIn =
          write === undefined ||
          (await this.#core.replica?.publishNext(write.envelope, undefined, Number.POSITIVE_INFINITY)) !== false;
      }
    } catch (error) {
      for (const { settle } of submissions) settle(UNAVAILABLE);
      throw error;
    }
    if (turn !== undefined) await this.#core.turns.commit(this.#stepMaker.ofPublished(turn));
  }

  /** What is waiting is sent to the region that gives the order. When it is acked it has come back, as a rule. */
  async forward(home: Home): Promise<void> {
    const submissions = this.#core.waiting.splice(0, MAX_FORWARDED);
    let outcomes: readonly Outcome[] = [];
    try {
      outcomes = await home.submit(this.#core.id, submissions);
      const heads = outcomes.findLast((outcome) => outcome.ok)?.heads;
      if (heads !== undefined) await this.#arrival(() => this.#core.strategy.since(heads) !== null);
    } finally {
      const heads = this.#core.strategy.heads();
      for (const [i, { settle }] of submissions.entries()) {
        const outcome = outcomes[i] ?? UNAVAILABLE;
        settle(outcome.ok ? { ok: true, heads } : outcome);
      }
    }
  }

  /** Has another region do what an admin wants, in its turn, and takes in what comes of it. */
  askHome(ask: () => Promise<Outcome>, isHere: () => boolean): Promise<Outcome> {
    return new Promise((settle) => {
      const work = async () => {
        const outcome = await ask();
        if (outcome.ok) await this.#arrival(isHere);
        settle(outcome);
      };
      this.#core.turns.enqueue({ work, refuse: () => settle(UNAVAILABLE) });
    });
  }

  /** Takes in what comes until this holds, or it has taken long. */
  async #arrival(isHere: () => boolean): Promise<void> {
    const end = performance.now() + ARRIVAL_MS;
    for (;;) {
      await this.#core.intake?.takeAll();
      const left = end - performance.now();
      if (isHere() || left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
