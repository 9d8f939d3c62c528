import type { Durability, WorkspaceId } from '@etherply/protocol';
import { AutomergeStrategy } from '../strategy/automerge/automerge-strategy.ts';
import type { Strategy } from '../strategy/strategy.ts';
import type { DocumentHolder } from './documents.ts';
import type { WorkspaceEdge } from './edge.ts';
import type { Intake } from './intake.ts';
import type { Replica } from './replica/replica.ts';
import type { WorkspaceState } from './state/workspace-state.ts';
import { Deliveries } from './turn/delivery.ts';
import { type Submission, UNAVAILABLE } from './turn/submission.ts';
import type { Turns } from './turn/turns.ts';
import { Wholes } from './whole.ts';

/** For how long a workspace stands still where the stream does not answer. */
export const PATIENCE_MS = 5000;

/** A workspace as one of several copies. */
export type ReplicatedCore = Core & { readonly replica: Replica; readonly intake: Intake };

/** A workspace in memory: what its parts share. */
export class Core implements DocumentHolder {
  readonly id: WorkspaceId;
  readonly edge: WorkspaceEdge;
  readonly turns: Turns;
  /** What clients have sent and no turn has taken yet. */
  readonly waiting: Submission[] = [];
  readonly deliveries = new Deliveries();
  /** Called whenever something has become durable that changes the workspace. */
  readonly watchers = new Set<() => void>();
  replica: Replica | undefined;
  intake: Intake | undefined;
  #state: WorkspaceState;
  #wholes: Wholes;

  constructor(id: WorkspaceId, state: WorkspaceState, edge: WorkspaceEdge, turns: Turns) {
    this.id = id;
    this.#state = state;
    this.#wholes = new Wholes(state.strategy);
    this.edge = edge;
    this.turns = turns;
  }

  get state(): WorkspaceState {
    return this.#state;
  }

  get strategy(): Strategy {
    return this.#state.strategy;
  }

  get wholes(): Wholes {
    return this.#wholes;
  }

  /** From now on it is this; the strategy may be another one, also where the state is the same. */
  become(state: WorkspaceState): void {
    this.#state = state;
    if (this.#wholes.strategy !== state.strategy) this.#wholes = new Wholes(state.strategy);
  }

  /** The stream, or another region, gives the order. */
  get isLinearised(): boolean {
    return this.replica !== undefined && this.strategy.name === 'server-auth';
  }

  /** What an ack stands for. */
  get durability(): Durability {
    const { replication } = this.edge;
    if (replication === undefined) return 'local';
    return this.isLinearised ? 'replicated' : replication.ack;
  }

  /** From so many bytes on, what came after the last snapshot or summary is worth another one. */
  get bytesWorthReplacing(): number {
    return Math.max(this.edge.compactFromBytes, (this.state.snapshot?.state.bytes ?? 0) / 2);
  }

  /** So much has been published since the last message that stands for all that it is time for another. */
  get isRollupDue(): boolean {
    // Where the stream forgets it would make nothing shorter.
    return this.replica?.streamForgets === false && this.replica.tailBytes > this.bytesWorthReplacing;
  }

  get documentBytes(): number {
    return this.strategy instanceof AutomergeStrategy ? this.strategy.documentBytes : 0;
  }

  /** It is down, or what is stored of it cannot be read. */
  get isDown(): boolean {
    return this.turns.isDown || this.state.isUnreadable;
  }

  isReplicated(): this is ReplicatedCore {
    return this.replica !== undefined && this.intake !== undefined;
  }

  schedule(): void {
    this.edge.schedule(this.turns);
  }

  /** Something has become durable that changes it. */
  changed(): void {
    this.checkReadable();
    this.edge.documents.used(this);
    for (const changed of this.watchers) changed();
  }

  /** Where it has turned out that it cannot be read, it goes down, and is quarantined. */
  checkReadable(): void {
    const { fault } = this.state;
    if (fault !== undefined && !this.isDown) this.turns.turnBroken(fault);
  }

  dropDocument(): void {
    this.turns.enqueue({
      work: async () => {
        if (this.strategy instanceof AutomergeStrategy) this.strategy.dropDocument();
      },
      refuse: () => undefined, // what is down has its state read again
    });
  }

  /** The strategy has the whole document, where it is of the kind that can. @throws StreamUnavailableError, NotCommittedError */
  async complete(): Promise<void> {
    await this.intake?.takeAll();
    const { id, state } = this;
    if (state.strategy instanceof AutomergeStrategy && !state.strategy.isComplete) await state.complete(id);
  }

  /** Tells clients what has waited until the stream has it. */
  deliver(): void {
    this.deliveries.flush((position) => this.replica?.outbox.isPublished(position) !== false);
  }

  refuseWaiting(): void {
    for (const { settle } of this.waiting.splice(0)) settle(UNAVAILABLE);
  }
}
