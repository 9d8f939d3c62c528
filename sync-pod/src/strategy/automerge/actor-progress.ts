import { z } from 'zod';
import type { StrategyRecord } from '../strategy.ts';

/** How much is in of what one actor wrote. */
interface Progress {
  /** The number of its last change that is in. */
  seq: number;
  /** The counter that its next op has at least. */
  nextOp: number;
  /** Changes that came before the one before them, by their number. */
  readonly early: Map<number, StrategyRecord>;
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const record = z.object({ data: bytes, timestamps: z.array(z.number()), user: z.string().optional() });
export const progressForm = z.array(z.tuple([z.string(), z.int(), z.int(), z.array(z.tuple([z.int(), record]))]));

/** How far the changes of each actor are in: they take effect in order, as Automerge wants it. */
export class ActorProgress {
  readonly #actors = new Map<string, Progress>();

  /** The number of the last change of an actor that is in; 0: none. */
  seq(actor: string): number {
    return this.#actors.get(actor)?.seq ?? 0;
  }

  /** Whether a change is in, or waits for the one before it. */
  has(actor: string, seq: number): boolean {
    const progress = this.#actors.get(actor);
    return progress !== undefined && (seq <= progress.seq || progress.early.has(seq));
  }

  /** The counter that the next op of an actor has at least. */
  nextOp(actor: string): number {
    return this.#actors.get(actor)?.nextOp ?? 0;
  }

  /** Whether the change with this op is in. */
  hasOp(actor: string, counter: number): boolean {
    return counter < this.nextOp(actor);
  }

  /** The next change of an actor is in. */
  advance(actor: string, nextOp: number): void {
    const progress = this.#of(actor);
    progress.seq += 1;
    progress.nextOp = nextOp;
    progress.early.delete(progress.seq);
  }

  /** Keeps a change until those before it are in. */
  hold(actor: string, seq: number, early: StrategyRecord): void {
    this.#of(actor).early.set(seq, early);
  }

  /** A change that waits for those before it. */
  early(actor: string, seq: number): StrategyRecord | undefined {
    return this.#actors.get(actor)?.early.get(seq);
  }

  /** What `restore` takes. */
  entries(): z.infer<typeof progressForm> {
    return [...this.#actors].map(([actor, { seq, nextOp, early }]) => {
      const held = [...early].map(([at, { data, timestamps, user }]): [number, z.infer<typeof record>] => {
        return [at, { data, timestamps: [...timestamps], ...(user !== undefined && { user }) }];
      });
      return [actor, seq, nextOp, held];
    });
  }

  restore(entries: z.infer<typeof progressForm>): void {
    for (const [actor, seq, nextOp, early] of entries) this.#actors.set(actor, { seq, nextOp, early: new Map(early) });
  }

  #of(actor: string): Progress {
    const found = this.#actors.get(actor);
    if (found !== undefined) return found;
    const progress = { seq: 0, nextOp: 0, early: new Map() };
    this.#actors.set(actor, progress);
    return progress;
  }
}
