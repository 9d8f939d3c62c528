import { setImmediate as turn } from 'node:timers/promises';
import type { Heads } from '@automerge/automerge';
import type { TextClient } from './text-client.ts';
import type { TypingRun } from './typing-runs.ts';

/** So many changes of a client may be on their way to the others. */
const LEAD = 500;

interface Typed {
  readonly writer: TextClient;
  readonly heads: Heads;
}

/**
 * Has clients type runs into the text that they share; the agents of the trace are shared out over them. A client types a run when it
 * has those that the run builds on, into what these make together, whatever it has besides.
 */
export class TextReplay {
  readonly #clients: readonly TextClient[];
  readonly #runs: readonly TypingRun[];
  readonly #start: Heads;
  readonly #typed: Typed[] = [];
  readonly #onTyped: (edits: number) => void;

  /** @param clients they all have the start of the text, and nothing else */
  constructor(
    clients: readonly [TextClient, ...TextClient[]],
    runs: readonly TypingRun[],
    onTyped: (edits: number) => void,
  ) {
    this.#clients = clients;
    this.#runs = runs;
    this.#start = clients[0].heads;
    this.#onTyped = onTyped;
  }

  /** Resolves when every client has everything. */
  async run(): Promise<void> {
    await Promise.all(this.#clients.map((client, place) => this.#type(client, place)));
    const inside = new Set(this.#runs.flatMap(({ parents }) => parents));
    const heads = this.#typed.flatMap((one, place) => (inside.has(place) ? [] : one.heads));
    await Promise.all(this.#clients.map((client) => client.until(() => client.has(heads))));
  }

  async #type(client: TextClient, place: number): Promise<void> {
    const isMine = ({ agent }: TypingRun) => agent % this.#clients.length === place;
    const mine: Heads[] = [];
    for (const [n, run] of this.#runs.entries()) {
      if (!isMine(run)) continue;
      await client.until(() => run.parents.every((parent) => this.#has(client, parent)));
      const early = mine[mine.length - LEAD];
      if (early !== undefined) {
        await Promise.all(this.#clients.map((other) => other.until(() => other.has(early))));
      }
      const heads = client.type(run.patches, this.#baseOf(run));
      this.#typed[n] = { writer: client, heads };
      mine.push(heads);
      this.#onTyped(run.patches.length);
      // What others have typed is to come in meanwhile.
      await turn();
    }
  }

  #has(client: TextClient, place: number): boolean {
    const typed = this.#typed[place];
    return typed !== undefined && (typed.writer === client || client.has(typed.heads));
  }

  #baseOf({ parents }: TypingRun): Heads {
    if (parents.length === 0) return this.#start;
    return [...new Set(parents.flatMap((parent) => this.#typed[parent]?.heads ?? []))];
  }
}
