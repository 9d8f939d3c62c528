import { z } from 'zod';

export const authorsForm = z.array(z.tuple([z.string(), z.array(z.tuple([z.int(), z.string()]))]));

/** By whose connection the changes of clients came: as a rule an actor is one user's, for all its changes. */
export class Authors {
  /** Runs of changes, by actor: the number of the first, and the user. */
  readonly #runs = new Map<string, [from: number, user: string][]>();

  /** The next change of an actor that came by a connection. */
  add(actor: string, seq: number, user: string): void {
    const runs = this.#runs.get(actor);
    if (runs === undefined) this.#runs.set(actor, [[seq, user]]);
    else if (runs.at(-1)?.[1] !== user) runs.push([seq, user]);
  }

  /** Undefined where it did not come by a connection, or that is not known. */
  of(actor: string, seq: number): string | undefined {
    return this.#runs.get(actor)?.findLast(([from]) => from <= seq)?.[1];
  }

  /** What `restore` takes. */
  entries(): z.infer<typeof authorsForm> {
    return [...this.#runs].map(([actor, runs]) => [actor, runs.map(([from, user]) => [from, user])]);
  }

  restore(entries: z.infer<typeof authorsForm>): void {
    for (const [actor, runs] of entries) this.#runs.set(actor, runs);
  }
}
