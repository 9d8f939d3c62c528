import type { Workspace } from '../workspace/workspace.ts';
import { Pulse } from './pulse.ts';

/** A client that has a document open. */
export interface Participant {
  /** What it has sent is to be taken in. */
  takeIn(): void;
  /** It is to be told what is new. */
  tell(): void;
}

/** So long is there between two times that clients are heard or told, in milliseconds; a stock client waits for 100 by itself. */
const BEAT_MS = 30;
/** For each client that is told there is so long at least, in milliseconds: some three times what it takes. */
const EACH_MS = 0.3;

/** The participants of one document. */
interface Gathering {
  readonly all: Set<Participant>;
  readonly telling: Pulse;
  readonly unwatch: () => void;
}

/**
 * When clients in sync are heard and told: at once after a rest, and otherwise all together. A message to or from a client costs
 * as much as many changes in it, and so does a commit.
 */
export class Pacing {
  readonly #gatherings = new Map<Workspace, Gathering>();
  /** Those who have sent something. Of all documents: what they bring is one commit for each shard. */
  readonly #speaking = new Set<Participant>();
  readonly #hearing = new Pulse(
    () => BEAT_MS,
    () => {
      const speaking = [...this.#speaking];
      this.#speaking.clear();
      for (const participant of speaking) participant.takeIn();
    },
  );

  /** From now on it is told when something has changed. */
  enter(workspace: Workspace, participant: Participant): void {
    const gathering = this.#gatherings.get(workspace) ?? this.#gather(workspace);
    gathering.all.add(participant);
  }

  leave(workspace: Workspace, participant: Participant): void {
    this.#speaking.delete(participant);
    const gathering = this.#gatherings.get(workspace);
    gathering?.all.delete(participant);
    if (gathering?.all.size !== 0) return;
    gathering.unwatch();
    gathering.telling.stop();
    this.#gatherings.delete(workspace);
  }

  /** It has sent something, which can wait for what others send. */
  hear(participant: Participant): void {
    this.#speaking.add(participant);
    this.#hearing.beat();
  }

  #gather(workspace: Workspace): Gathering {
    const all = new Set<Participant>();
    const telling = new Pulse(
      () => Math.max(BEAT_MS, EACH_MS * all.size),
      () => {
        for (const participant of all) participant.tell();
      },
    );
    const gathering = { all, telling, unwatch: workspace.watch(() => telling.beat()) };
    this.#gatherings.set(workspace, gathering);
    return gathering;
  }
}
