import { randomUUID } from 'node:crypto';
import type { WorkspaceId } from '@etherply/protocol';
import type { Bus } from './bus.ts';
import type { Peers, Presence } from './presence.ts';
import { type PresenceTimes, SharedRoom } from './shared-room.ts';

/** Answers that took longer than this many times the longest delay come as changes. */
const OPENING_ANSWERS = 3;

/** The rooms of this pod that other pods may have members in. */
export class PresenceBus implements Peers {
  /** Random for each start, so that a pod that comes back is another one. */
  readonly #pod = randomUUID();
  readonly #presence: Presence;
  readonly #bus: Bus;
  readonly #times: PresenceTimes;
  readonly #rooms = new Map<WorkspaceId, SharedRoom>();
  #sequence = 0;
  #isClosed = false;

  /** Connects what is known here of who is where with what other pods know. */
  constructor(presence: Presence, bus: Bus, times: PresenceTimes) {
    this.#presence = presence;
    this.#bus = bus;
    this.#times = times;
    presence.connect(this);
    bus.onConnected(() => {
      for (const room of this.#rooms.values()) room.reconnected();
    });
  }

  opened(workspace: WorkspaceId): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    const room = new SharedRoom({
      workspace,
      pod: this.#pod,
      presence: this.#presence,
      bus: this.#bus,
      times: this.#times,
      nextSequence: () => {
        this.#sequence += 1;
        return this.#sequence;
      },
    });
    this.#rooms.set(workspace, room);
    if (!this.#bus.isConnected) return undefined;
    return new Promise((resolve) => setTimeout(resolve, OPENING_ANSWERS * this.#times.answerMs).unref());
  }

  changed(workspace: WorkspaceId, here: readonly string[], gone: readonly string[]): void {
    this.#rooms.get(workspace)?.changed(here, gone);
  }

  closed(workspace: WorkspaceId): void {
    this.#rooms.get(workspace)?.close();
    this.#rooms.delete(workspace);
  }

  /** Tells the other pods that nobody is on this one any more. */
  close(): void {
    this.#isClosed = true;
    for (const workspace of [...this.#rooms.keys()]) this.closed(workspace);
  }
}
