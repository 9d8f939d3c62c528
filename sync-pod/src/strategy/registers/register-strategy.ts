import type { StrategyName, WorkspaceSettings } from '@etherply/protocol';
import type { Message, Op, Plan, Refusal, RegisterView, Strategy, StrategyRecord } from '../strategy.ts';
import { decodeRecord, digestOf, encodeRecord, type RecordedWrite, type RegisterRecord } from './record.ts';
import { RegisterMap } from './register-map.ts';

export interface RegisterPlan extends Plan {
  readonly digest: Uint8Array;
  readonly seq: number;
  readonly writes: readonly RecordedWrite[];
}

/** Of a record, what it does to registers. */
export type AppliedRecord = Pick<RegisterRecord, 'actor' | 'seq' | 'writes'>;

const NO_RECORD = new Uint8Array(0);

/** A strategy whose state is registers, and whose records say all that they do. */
export abstract class RegisterStrategy implements Strategy<RegisterPlan> {
  abstract readonly name: StrategyName;
  protected readonly registers = new RegisterMap();
  readonly #actor: string;

  /** @param actor what no other process writes with */
  constructor(actor: string) {
    this.#actor = actor;
  }

  get size() {
    return this.registers.size;
  }

  abstract plan(messages: readonly Message[], nowMs: number): RegisterPlan;
  abstract fold(chunks: readonly Uint8Array[], position: number): string[] | null;
  abstract snapshot(nowMs: number): Iterable<Uint8Array>;
  abstract restore(chunk: Uint8Array): void;
  abstract configure(settings: WorkspaceSettings): void;

  commit({ data, digest, seq, writes }: RegisterPlan, _ops: readonly Op[], position: number): void {
    if (data.length > 0) this.apply({ actor: this.#actor, seq, writes }, digest, position);
  }

  receive({ data }: StrategyRecord, position: number): string[] | null {
    if (data.length === 0) return [];
    const record = decodeRecord(data);
    return this.registers.has(record) ? null : this.apply(record, digestOf(data), position);
  }

  complete(): void {
    throw new Error('each of these records says all that it does');
  }

  settle(): readonly string[] {
    return [];
  }

  since(heads: readonly string[]): RegisterView[] | null {
    return this.registers.since(heads);
  }

  get(key: string): RegisterView | undefined {
    return this.registers.viewOf(key);
  }

  view(): Iterable<RegisterView> {
    return this.registers.view();
  }

  heads(): readonly string[] {
    return this.registers.heads();
  }

  /** The plan that makes these writes one record. */
  protected planOf(
    writes: readonly RecordedWrite[],
    timestamps: readonly (number | null)[],
    refusals: ReadonlyMap<number, Refusal>,
    nowMs: number,
  ): RegisterPlan {
    const seq = this.registers.nextSeq(this.#actor);
    const data = writes.length === 0 ? NO_RECORD : encodeRecord({ actor: this.#actor, seq, time: nowMs, writes });
    const digest = digestOf(data);
    const heads = data.length === 0 ? this.heads() : [this.registers.headWith(digest)];
    return { data, digest, timestamps, heads, refusals, seq, writes };
  }

  /** Does to the registers what a record says. @returns the keys that it has written */
  protected abstract apply(record: AppliedRecord, digest: Uint8Array, position: number): string[];
}
