import type { LogEntry, Write } from '../storage/shard.ts';
import type { Plan, Strategy } from '../strategy/strategy.ts';
import type { Absorption } from './absorption.ts';
import type { Core } from './core.ts';
import { encodeEnvelope } from './state/envelope.ts';
import { announceTurn } from './turn/announce-turn.ts';
import type { Step } from './turn/step.ts';
import type { Submission } from './turn/submission.ts';
import { envelopeOps, rememberOps, type Sorted, settleUnavailable, sortSubmissions, type Turn } from './turn/turn.ts';

/** Makes steps of what clients sent and the stream brought, and does what follows when they are durable. */
export class StepMaker {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** All that is waiting, after what has come in; undefined where a job goes on with it. */
  next(absorption: Absorption | undefined): Step | undefined {
    const { waiting, state, turns, edge } = this.#core;
    const sorted = this.#sort(waiting.splice(0));
    const plan = this.#planOf(sorted);
    const position = absorption?.position ?? state.position;
    if (!(plan instanceof Promise)) return this.of(absorption, this.#turnOf(sorted, plan, position));
    void turns.run({
      work: async () => {
        let turn: Turn | undefined;
        try {
          turn = this.#turnOf(sorted, await plan, position);
        } catch (error) {
          edge.failed(error);
          settleUnavailable(sorted);
        }
        await turns.commit(this.of(absorption, turn));
      },
      refuse: () => undefined, // the step has told its senders
    });
    return undefined;
  }

  /** What came in, and what was planned after it. */
  of(absorption: Absorption | undefined, turn: Turn | undefined): Step {
    const { replica, state } = this.#core;
    absorption?.settle();
    const writes = writesOf(absorption?.records ?? []);
    if (turn?.write !== undefined) writes.push(turn.write);
    if (writes.length > 0 && replica !== undefined) {
      writes.push(...replica.writes(absorption?.position ?? state.position, turn?.write !== undefined));
    }
    return {
      writes,
      committed: () => {
        if (absorption !== undefined) this.#absorbed(absorption);
        if (turn === undefined) return;
        if (turn.write !== undefined) this.#core.replica?.publish(turn.write);
        this.#committed(turn);
      },
      failed: () => {
        if (turn !== undefined) settleUnavailable(turn);
      },
    };
  }

  /** What these would do now. */
  async plan(submissions: readonly Submission[]): Promise<Turn> {
    const sorted = this.#sort(submissions);
    const plan = await this.#core.strategy.plan(sorted.accepted, sorted.time);
    return this.#turnOf(sorted, plan, this.#core.state.position);
  }

  /** A turn that the stream has already. */
  ofPublished(turn: Turn): Step {
    const { write } = turn;
    const writes = write === undefined ? [] : [write, ...(this.#core.replica?.writes(write.position, false) ?? [])];
    return { writes, committed: () => this.#committed(turn), failed: () => settleUnavailable(turn) };
  }

  /** What changes of clients' own documents amount to. @param users who sent them */
  ofMerged(absorption: Absorption, users: readonly string[], settle: () => void): Pick<Step, 'writes' | 'committed'> {
    const { records } = absorption;
    const writes = writesOf(records);
    writes.push(...(this.#core.replica?.writes(this.#core.state.position, true) ?? []));
    const deliver = () => {
      absorption.announce();
      this.#core.edge.updated?.({ ops: records.length, heads: this.#core.strategy.heads(), users });
      this.#core.changed();
      settle();
    };
    return { writes, committed: () => this.#merged(records, deliver) };
  }

  #sort(submissions: readonly Submission[]): Sorted {
    const { state, edge } = this.#core;
    return sortSubmissions(submissions, state, edge.limits, edge.now());
  }

  #planOf(sorted: Sorted): Plan | Promise<Plan> {
    try {
      return this.#core.strategy.plan(sorted.accepted, sorted.time);
    } catch (error) {
      settleUnavailable(sorted);
      throw error;
    }
  }

  #turnOf(sorted: Sorted, plan: Plan, position: number): Turn {
    const ops = envelopeOps(sorted, plan);
    if (ops.length === 0) return { ...sorted, plan, envelopeOps: ops, write: undefined };
    const { id, state } = this.#core;
    const envelope = encodeEnvelope({
      kind: state.strategy.name,
      epoch: state.epoch,
      time: sorted.time,
      data: plan.data,
      ops,
    });
    const write = { kind: 'record', workspace: id, position: position + 1, envelope } as const;
    return { ...sorted, plan, envelopeOps: ops, write };
  }

  #absorbed(absorption: Absorption): void {
    for (const record of absorption.records) this.#core.state.advanced(record);
    this.#core.deliveries.add(0, true, () => {
      absorption.announce();
      this.#core.changed();
    });
    this.#compactWhereDue();
  }

  #merged(records: readonly LogEntry[], deliver: () => void): void {
    for (const record of records) {
      this.#core.state.advanced(record);
      this.#core.replica?.publish(record);
    }
    this.#deliverWhenDue(deliver);
    this.#keepShort();
  }

  #committed(turn: Turn): void {
    const { state, waiting } = this.#core;
    const { strategy, memory } = state;
    const before = strategy.heads();
    if (turn.write !== undefined) {
      state.advanced(turn.write);
      strategy.commit(turn.plan, turn.ops, turn.write.position);
      rememberOps(turn, memory);
    }
    this.#deliverWhenDue(() => this.#deliver(turn, strategy, before));
    // Before what came since: now it is known whether the first is in.
    if (turn.deferred.length > 0) waiting.unshift(...turn.deferred);
    this.#keepShort();
  }

  /** When it is as durable as an ack says. */
  #deliverWhenDue(deliver: () => void): void {
    const { state, durability, replica, deliveries } = this.#core;
    const isDue = durability === 'local' || replica?.outbox.isPublished(state.position) === true;
    deliveries.add(state.position, isDue, deliver);
  }

  #deliver(turn: Turn, strategy: Strategy, before: readonly string[]): void {
    const { id, edge } = this.#core;
    const ops = announceTurn(turn, id, strategy, edge.broadcaster, before);
    for (const settle of turn.refused) settle();
    if (ops > 0) this.#core.changed();
    if (ops > 0) edge.updated?.({ ops, heads: turn.plan.heads, users: usersOf(turn) });
  }

  #keepShort(): void {
    this.#compactWhereDue();
    if (this.#core.isRollupDue) this.#core.edge.rollUp();
  }

  #compactWhereDue(): void {
    const { state, bytesWorthReplacing, edge } = this.#core;
    if (state.tailWeight > bytesWorthReplacing) edge.compact();
  }
}

function* usersOf({ accepted, plan }: Turn): Iterable<string> {
  for (const [index, { author }] of accepted.entries()) if (!plan.refusals.has(index)) yield author.userId;
}

function writesOf(records: readonly LogEntry[]): Write[] {
  return records.map((record) => ({ kind: 'record', ...record }));
}
