import type { WorkspaceId } from '@etherply/protocol';
import { StreamUnavailableError } from '../../replication/stream.ts';
import type { Committer } from '../../storage/commit-loop.ts';
import type { Write } from '../../storage/shard.ts';
import type { Step } from './step.ts';

/** Work during which nothing else happens to the workspace. */
interface Job {
  readonly work: () => Promise<void>;
  /** It did not, or not surely, happen. */
  readonly refuse: (error: unknown) => void;
}

interface Edge {
  /** Asks for a turn of the commit loop. */
  readonly schedule: () => void;
  /** What is to be done next where no job waits or is under way; undefined where a job goes on with it, or there is nothing. */
  readonly nextStep: () => Step | undefined;
  /** Something waits besides jobs. */
  readonly isWaiting: () => boolean;
  /** It can take nothing any more until `resume`. */
  readonly wentDown: () => void;
  /** Something that should not happen. */
  readonly failed: (error: unknown) => void;
}

/** The shard could not write it. */
export class NotCommittedError extends Error {
  override readonly name = 'NotCommittedError';
}

/** What happens to one workspace, one after the other: steps of the commit loop, and jobs that take longer. */
export class Turns implements Committer {
  readonly #workspace: WorkspaceId;
  readonly #edge: Edge;
  /** Those that wait for their turn. */
  #jobs: Job[] = [];
  /** A job is under way. */
  #isBusy = false;
  /** What the job has to be written next. */
  #prepared: Step | undefined;
  /** Being written. */
  #step: Step | undefined;
  #isDown = false;
  #quiet: (() => void)[] = [];

  constructor(workspace: WorkspaceId, edge: Edge) {
    this.#workspace = workspace;
    this.#edge = edge;
  }

  /** It takes nothing. A write has failed: what is on disk may differ from what is in memory until `resume`. Or it has ended. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** Nothing is under way; jobs may wait. */
  get isAtRest(): boolean {
    return this.#step === undefined && !this.#isBusy;
  }

  /** A job waits or is under way. */
  get hasJobs(): boolean {
    return this.#isBusy || this.#jobs.length > 0;
  }

  takeTurn(): readonly Write[] | undefined {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    // The next step may be a job, which begins at once and may prepare its first one.
    this.#step = prepared ?? (this.#isBusy || this.#isDown ? undefined : this.#nextStep());
    return this.#step?.writes;
  }

  turnBroken(error: unknown): void {
    this.#edge.failed(error);
    this.#goDown();
  }

  turnCommitted(): void {
    const step = this.#step;
    this.#step = undefined;
    step?.committed();
    // What came while a job was under way, or stands behind one, asked for a turn in vain.
    if (this.#hasMore) this.#edge.schedule();
    else this.#atRest();
  }

  turnFailed(): void {
    if (this.#step !== undefined) this.#goDown();
    else this.#atRest();
  }

  /** Takes no steps and no jobs any more: somebody else writes the workspace from now on. */
  end(): void {
    this.#goDown();
  }

  /** Takes steps and jobs again. */
  resume(): void {
    this.#isDown = false;
  }

  /** Resolves when what is waiting now has been done. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#quiet.push(resolve);
      this.#edge.schedule();
    });
  }

  /** The job is done in its turn. */
  enqueue(job: Job): void {
    if (this.#isDown) {
      job.refuse(new NotCommittedError(this.#workspace));
      return;
    }
    this.#jobs.push(job);
    this.#edge.schedule();
  }

  /** Resolves when this has been done in its turn. @throws NotCommittedError, and what it throws */
  perform(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.enqueue({
        work: async () => {
          await work();
          resolve();
        },
        refuse: reject,
      });
    });
  }

  /** Does a job at once, in place of a step. */
  async run({ work, refuse }: Job): Promise<void> {
    this.#isBusy = true;
    try {
      await work();
    } catch (error) {
      refuse(error);
      this.#unavailable(error);
    }
    this.#isBusy = false;
    if (this.#hasMore) this.#edge.schedule();
    else this.#atRest();
  }

  /** Makes a step of the job that is under way durable. @throws NotCommittedError */
  commit({ writes, committed, failed }: Pick<Step, 'writes' | 'committed'> & Partial<Step>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isDown) {
        failed?.();
        reject(new NotCommittedError(this.#workspace));
        return;
      }
      this.#prepared = {
        writes,
        committed: () => {
          committed();
          resolve();
        },
        failed: () => {
          failed?.();
          reject(new NotCommittedError(this.#workspace));
        },
      };
      this.#edge.schedule();
    });
  }

  get #hasMore(): boolean {
    return !this.#isBusy && !this.#isDown && (this.#jobs.length > 0 || this.#edge.isWaiting());
  }

  #nextStep(): Step | undefined {
    const job = this.#jobs.shift();
    if (job === undefined) return this.#edge.nextStep();
    void this.run(job);
    return undefined;
  }

  /** What passes is no reason to stop; the rest is. */
  #unavailable(error: unknown): void {
    if (error instanceof NotCommittedError || error instanceof StreamUnavailableError) return;
    this.#edge.failed(error);
    this.#goDown();
  }

  #goDown(): void {
    this.#isDown = true;
    for (const step of [this.#step, this.#prepared]) step?.failed();
    this.#step = undefined;
    this.#prepared = undefined;
    this.#edge.wentDown();
    for (const { refuse } of this.#jobs.splice(0)) refuse(new NotCommittedError(this.#workspace));
    this.#atRest();
  }

  #atRest(): void {
    if (this.#isBusy) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }
}
