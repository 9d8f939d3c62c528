import type { RegisterView, Strategy } from '../strategy/strategy.ts';
import { Slices } from './state/slices.ts';

/** The whole state of a workspace at some heads. */
export interface Whole {
  /** The text of a JSON object, key → value, in UTF-8. */
  readonly data: Buffer;
  readonly heads: readonly string[];
}

const PART_MEMBERS = 256;
/** From this size on, one state is made for many, who are served in turns of the event loop of their own. */
const LARGE_BYTES = 256 * 1024;
/** As long as no more keys than this have changed since, a whole state is good to start from. */
const MAX_CHANGES = 1000;

/** Makes whole states of a workspace in slices, and one for all who come at about the same time. */
export class Wholes {
  /** Whose state it is. */
  readonly strategy: Strategy;
  #served: Promise<void> = Promise.resolve();
  #latest: { readonly heads: readonly string[]; readonly data: Promise<Buffer>; isLarge: boolean } | undefined;

  constructor(strategy: Strategy) {
    this.strategy = strategy;
  }

  /** A state from which `strategy.since` leads on to the present one: this one, unless it would take long to make. */
  recent(): Promise<Whole> {
    if (this.#latest?.isLarge !== true) return this.current();
    const changes = this.strategy.since(this.#latest.heads);
    return this.#take(changes !== null && changes.length <= MAX_CHANGES);
  }

  /** The state at this moment. */
  current(): Promise<Whole> {
    return this.#take(this.#latest?.heads === this.strategy.heads());
  }

  /** Lets go of the state that is kept for those who come later. */
  forget(): void {
    this.#latest = undefined;
  }

  async #take(latestWillDo: boolean): Promise<Whole> {
    if (!latestWillDo || this.#latest === undefined) {
      this.#latest = { heads: this.strategy.heads(), data: objectText(this.strategy.view()), isLarge: false };
    }
    const latest = this.#latest;
    const { heads, data } = latest;
    const text = await data;
    latest.isLarge = text.length >= LARGE_BYTES;
    if (latest.isLarge) {
      this.#served = this.#served.then(() => new Promise((resolve) => setImmediate(resolve)));
      await this.#served;
    }
    return { heads, data: text };
  }
}

/** The text of a JSON object with these keys, in UTF-8; made in slices. */
export async function objectText(view: Iterable<Pick<RegisterView, 'key' | 'json'>>): Promise<Buffer> {
  const slices = new Slices();
  const parts: Buffer[] = [];
  let members: string[] = [];
  for (const { key, json } of view) {
    members.push(`${parts.length === 0 && members.length === 0 ? '{' : ','}${JSON.stringify(key)}:${json}`);
    if (members.length < PART_MEMBERS) continue;
    parts.push(Buffer.from(members.join('')));
    members = [];
    await slices.next();
  }
  parts.push(Buffer.from(members.join('')), Buffer.from(parts.length + members.length === 0 ? '{}' : '}'));
  return Buffer.concat(parts);
}
