/** Keeps the order of the messages of a subject where one needs a preparation before it can be sent. */
export class PublishOrder {
  /** What the last one that waits on each subject waits for. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Calls `send` after the preparation, and after those that wait on the subject; at once where there is nothing to wait for.
   * One that fails holds nobody up.
   * @throws what the preparation or `send` throws
   */
  async send<T>(subject: string, preparation: Promise<void> | undefined, send: () => Promise<T>): Promise<T> {
    const before = this.#last.get(subject);
    if (before === undefined && preparation === undefined) return send();
    const turn = Promise.allSettled([preparation, before]);
    this.#last.set(subject, turn);
    const [prepared] = await turn;
    // From here to `send` nothing may wait, or another one would come first.
    if (this.#last.get(subject) === turn) this.#last.delete(subject);
    if (prepared.status === 'rejected') throw prepared.reason;
    return send();
  }
}
