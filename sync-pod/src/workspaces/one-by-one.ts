/** Lets pieces of work happen one after the other, in the order in which they were given. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();

  /** Does some work when all that came before has ended, whatever became of that. Settles as the work does. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined); // who asked for it is told
    return done;
  }

  /** Resolves when all has ended that was given by now. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
