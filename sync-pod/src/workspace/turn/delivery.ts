/** What clients are told of a step, when the stream has the record that it stands for. */
interface Delivery {
  readonly position: number;
  readonly deliver: () => void;
}

/** What clients are to be told, in the order of the steps that it comes from. */
export class Deliveries {
  #queue: Delivery[] = [];

  /** @param isDue whether nothing has to be waited for, but what is told before */
  add(position: number, isDue: boolean, deliver: () => void): void {
    if (isDue && this.#queue.length === 0) deliver();
    else this.#queue.push({ position, deliver });
  }

  /** Tells what the stream has, up to the first that it does not have. */
  flush(isPublished: (position: number) => boolean): void {
    const end = this.#queue.findIndex(({ position }) => !isPublished(position));
    const due = this.#queue.splice(0, end === -1 ? this.#queue.length : end);
    for (const { deliver } of due) deliver();
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }
}
